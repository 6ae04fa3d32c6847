# The upper half is the caller's.
#= after 0x4-0x9
	fn f
	mov $39, %ax
	syscall
	test %rax, %rax
	ret
	end f
