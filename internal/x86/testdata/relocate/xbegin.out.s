# index 0:0 6:6
# falls through
	xbegin window+0x100
