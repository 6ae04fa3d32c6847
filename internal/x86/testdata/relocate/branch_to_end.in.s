	je 1f
	inc %eax
	nop
1:	ret
