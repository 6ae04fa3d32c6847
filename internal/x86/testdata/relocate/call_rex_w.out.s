# index 0:0 8:11
# ends
	push 1f(%rip)
	jmp window+0x1000
1:	.quad window+8
