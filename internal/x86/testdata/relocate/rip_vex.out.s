# index 0:0 8:8
# falls through
	vmovups data(%rip), %ymm0
