	vpshufd $0x1b, data(%rip), %ymm0
