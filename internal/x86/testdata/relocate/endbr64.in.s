	endbr64
	push %rbp
