# index 0:0 5:20
# ends
	call 9f
	int3
9:	push 1f(%rip)
	pop (%rsp)
	jmp *0x10(%r13,%rax,8)
1:	.quad window+5
