	call window+0x1000
