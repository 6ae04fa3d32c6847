	nop
	nop
	call *(%rsp)
