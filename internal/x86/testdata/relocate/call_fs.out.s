# index 0:0 5:20
# ends
	call 9f
	int3
9:	push 1f(%rip)
	pop (%rsp)
	jmp *%fs:0x18(%rsp)
1:	.quad window+5
