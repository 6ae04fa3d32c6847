# index 0:0 7:22
# ends
	call 9f
	int3
9:	push 1f(%rip)
	pop (%rsp)
	jmp *0x1008(%rsp)
1:	.quad window+7
