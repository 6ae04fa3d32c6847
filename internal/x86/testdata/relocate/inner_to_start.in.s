	dec %edi
	jne window
	ret
