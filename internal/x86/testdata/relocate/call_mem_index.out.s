# index 0:0 5:11
# ends
	push 1f(%rip)
	jmp *0x10(%r13,%rax,8)
1:	.quad window+5
