	jmp 1f
	int3
	int3
	int3
1:	nop
