# index 0:0 6:6
# ends
	bnd jmp window+0x12345
