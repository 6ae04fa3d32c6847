# index 0:0 1:1 6:12
# ends
	nop
	push 1f(%rip)
	jmp *16(%rsp,%r9,8)
1:	.quad window+6
