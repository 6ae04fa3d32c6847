	test %edi, %edi
	je 1f
	mov %esi, %eax
	ret
1:	nop
