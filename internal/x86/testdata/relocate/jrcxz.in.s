	jrcxz 1f
	xor %eax, %eax
	ret
1:	nop
