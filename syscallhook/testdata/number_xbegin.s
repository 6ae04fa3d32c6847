# Its opcode is that of a mov.
#= after 0xb-0x10
	fn f
	mov $1, %eax
	xbegin f
	syscall
	test %rax, %rax
	ret
	end f
