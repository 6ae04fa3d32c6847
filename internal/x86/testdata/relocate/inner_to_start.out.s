# index 0:0 2:2 8:8
# falls through
1:	dec %edi
	{disp32} jne 1b
