# index 0:0 5:11
# ends
	push 1f(%rip)
	jmp *%fs:0x18(%rsp)
1:	.quad window+5
