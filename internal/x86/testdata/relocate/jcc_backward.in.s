	test %edi, %edi
	jne window-0x10
	ret
