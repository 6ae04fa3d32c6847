# index 0:0 3:10 5:12
# falls through
	jecxz 1f
	jmp 2f
1:	jmp window+6
2:	xor %eax, %eax
