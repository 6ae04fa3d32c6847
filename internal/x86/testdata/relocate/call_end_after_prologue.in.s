	sub $8, %rsp
	call window+0x1000
