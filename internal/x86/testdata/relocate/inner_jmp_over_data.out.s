# index 0:0 3:5 5:7
# falls through
	{disp32} jmp 1f
1:	xor %eax, %eax
