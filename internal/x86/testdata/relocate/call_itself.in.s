	sub $8, %rsp
	call window	# recursion is a call, and is probed
