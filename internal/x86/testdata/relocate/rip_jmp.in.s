	jmp *data(%rip)
	.byte 0x06	# dead, and no instruction
