	sub $8, %rsp
	call *%rax
