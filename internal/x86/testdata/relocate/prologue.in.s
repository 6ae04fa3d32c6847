	push %rbp
	mov %rsp, %rbp
	sub $0x20, %rsp
