1:	add %ecx, %eax
	nop
	loop 1b
