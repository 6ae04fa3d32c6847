# index 0:0 9:9
# falls through
	vpshufd $0x1b, data(%rip), %ymm0
