# index 0:0 2:2 4:11 6:13
# falls through
	xor %eax, %eax
	loop 1f
	jmp 2f
1:	jmp window+6
2:	inc %eax
