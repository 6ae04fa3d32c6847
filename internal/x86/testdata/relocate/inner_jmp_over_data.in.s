	jmp 1f
	.byte 0x90
1:	xor %eax, %eax
