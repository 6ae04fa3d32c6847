# Entered on both sides: two bytes are enough.
#= short 0xd-0xf hole 0x1b-0x20
	fn f
	test %edi, %edi
	je 1f
	test %esi, %esi
	je 2f
	.byte 0xb8, 0x01, 0x00, 0x00, 0x00
1:	syscall
2:	mov %edi, %eax
	test %edx, %edx
	jne 1b
	jmp 2b
	end f
	.balign 32, 0xcc
