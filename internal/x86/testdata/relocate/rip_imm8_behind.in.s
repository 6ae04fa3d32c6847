	cmpb $1, data(%rip)
