# Into the padding, which nobody executes.
#= after 0x2-0x7
	fn f
	mov %edi, %eax
	syscall
	ret
	end f
	.fill 9, 1, 0xcc
