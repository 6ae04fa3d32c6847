	nop
	call *0x18(%rsp)
