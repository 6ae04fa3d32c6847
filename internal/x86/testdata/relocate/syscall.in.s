	mov %edi, %eax
	syscall
	nop
