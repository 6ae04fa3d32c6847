# index 0:0 5:5
# ends
	jmp window+5
