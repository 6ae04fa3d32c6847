# index 0:0 3:6 5:8
# falls through
	{disp32} jne window+6
	mov %esi, %eax
