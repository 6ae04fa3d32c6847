# index 0:0 6:6
# falls through
	{disp32} jg window+0x1000
