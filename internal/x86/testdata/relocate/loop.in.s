	xor %eax, %eax
	loop 1f
	inc %eax
1:	nop
