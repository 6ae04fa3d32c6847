# What lies between leaves rax alone; the window is the shorter one.
#= after 0xc-0x12 nr 202
	fn f
	mov $202, %eax
	xor %r10d, %r10d
	mov %rsi, %rdx
	nop
	syscall
	cmp $0, %rax
	ret
	end f
