# index 0:0 10:10
# falls through
	movl $0x11223344, data(%rip)
