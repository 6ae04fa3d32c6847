# index 0:0 1:1 2:2 5:11
# ends
	push %rbx
	push %rbx
	push 1f(%rip)
	jmp *%r12
1:	.quad window+5
