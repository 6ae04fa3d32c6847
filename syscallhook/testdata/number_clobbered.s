#= after 0x6-0xb
	fn f
	mov $1, %eax
	lodsb
	syscall
	test %rax, %rax
	ret
	end f
