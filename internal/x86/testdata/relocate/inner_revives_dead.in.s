	jmp 2f
1:	ret
2:	je 1b
	nop
