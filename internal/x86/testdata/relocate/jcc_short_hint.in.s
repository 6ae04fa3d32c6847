	.byte 0x2e	# predict not taken
	jne 1f
	mov %esi, %eax
	ret
1:	nop
