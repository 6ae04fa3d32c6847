	push %rbx
	push %rbx
	call *%r12
