# index 0:0 2:2 4:4 6:10
# falls through
	xor %eax, %eax
1:	dec %edi
	{disp32} jne 1b
