# index 0:0 7:7
# falls through
	cmpb $1, data(%rip)
