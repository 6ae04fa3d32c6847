# index 0:0 5:11
# ends
	push 1f(%rip)
	jmp window+5
1:	.quad window+5
