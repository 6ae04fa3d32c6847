# index 0:0 2:2 5:3
# ends
	xor %eax, %eax
	ret
