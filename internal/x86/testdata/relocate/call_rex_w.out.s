# index 0:0 8:20
# ends
	call 9f
	int3
9:	push 1f(%rip)
	pop (%rsp)
	jmp window+0x1000
1:	.quad window+8
