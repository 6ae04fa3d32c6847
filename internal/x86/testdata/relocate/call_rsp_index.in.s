	nop
	call *8(%rsp,%r9,8)
