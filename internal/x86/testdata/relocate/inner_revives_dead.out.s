# index 0:0 2:5 3:6 5:12
# falls through
	{disp32} jmp 2f
1:	ret
2:	{disp32} je 1b
