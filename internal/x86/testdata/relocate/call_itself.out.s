# index 0:0 4:4 9:15
# ends
	sub $8, %rsp
	push 1f(%rip)
	jmp window
1:	.quad window+9
