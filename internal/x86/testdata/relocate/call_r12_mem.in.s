	nop
	call *(%r12)	# SIB, but not rsp
