# In an immediate, a displacement, and data between functions.
	fn f
	mov $0x050f050f, %eax
	lea 0x50f(%rdi), %rax
	ret
	end f
	.fill 40, 1, 0xd9
	.byte 0x0f, 0x05, 0xd9, 0x0f, 0x05
	.fill 40, 1, 0xd9
	fn g
	ret
	end g
