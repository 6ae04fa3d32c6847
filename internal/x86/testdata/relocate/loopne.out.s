# index 0:0 2:9 4:11 6:13
# falls through
	loopne 1f
	jmp 2f
1:	jmp window+6
2:	inc %eax
	inc %eax
