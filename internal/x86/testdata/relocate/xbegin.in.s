	xbegin window+0x100
