# index 0:0 7:7
# falls through
	mov data(%rip), %rax
