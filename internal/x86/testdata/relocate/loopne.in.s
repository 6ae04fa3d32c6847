	loopne 1f
	inc %eax
	inc %eax
1:	nop
