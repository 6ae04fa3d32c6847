#= after 0x2-0xa nr 0
	fn f
	xor %eax, %eax
	syscall
	cmp $-4095, %rax
	ret
	end f
