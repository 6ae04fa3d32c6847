# index 0:0 2:2 8:8
# falls through
	test %edi, %edi
	jne window-0x10
