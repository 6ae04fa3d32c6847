# index 0:0 2:6 4:8 5:9
# falls through
	{disp32} je window+5
	inc %eax
	nop
