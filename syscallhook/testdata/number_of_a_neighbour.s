# The second function may be called with any number.
#= after 0x0-0x5
	fn f
	mov $39, %eax
	end f
	fn g
	syscall
	test %rax, %rax
	ret
	end g
