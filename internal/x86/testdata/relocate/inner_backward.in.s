	xor %eax, %eax
1:	dec %edi
	jne 1b
