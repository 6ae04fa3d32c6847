# index 0:0 2:9 4:11 5:12
# ends
	jrcxz 1f
	jmp 2f
1:	jmp window+5
2:	xor %eax, %eax
	ret
