# index 0:0 7:7
# falls through
	lea window(%rip), %rdi
