	movl $0x11223344, data(%rip)
