	call *data(%rip)
