# The number is not in r8.
#= after 0x6-0xb
	fn f
	mov $39, %r8d
	syscall
	test %rax, %rax
	ret
	end f
