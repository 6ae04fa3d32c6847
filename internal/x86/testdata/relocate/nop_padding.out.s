# index 0:0 6:6
# falls through
	nopw %cs:0(%rax,%rax,1)
