# index 0:0 1:1 5:14
# ends
	nop
	push 1f(%rip)
	jmp *0x80(%rsp)
1:	.quad window+5
