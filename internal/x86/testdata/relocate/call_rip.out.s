# index 0:0 6:12
# ends
	push 1f(%rip)
	jmp *data(%rip)
1:	.quad window+6
