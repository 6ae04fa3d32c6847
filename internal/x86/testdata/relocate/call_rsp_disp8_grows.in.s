	nop
	call *0x78(%rsp)
