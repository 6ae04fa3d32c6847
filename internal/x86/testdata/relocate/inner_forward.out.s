# index 0:0 2:6 4:8 6:10
# falls through
	{disp32} je 1f
	inc %eax
1:	inc %ecx
