# index 0:0 4:4 6:12
# ends
	sub $8, %rsp
	push 1f(%rip)
	jmp *%rax
1:	.quad window+6
