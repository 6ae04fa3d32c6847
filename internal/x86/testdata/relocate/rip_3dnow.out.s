# index 0:0 8:8
# falls through
	pfadd data(%rip), %mm0
