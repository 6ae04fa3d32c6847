# index 0:0 4:4 9:24
# ends
	sub $8, %rsp
	call 9f
	int3
9:	push 1f(%rip)
	pop (%rsp)
	jmp window+0x1000
1:	.quad window+9
