# index 0:0 6:6
# ends
	jmp *data(%rip)
