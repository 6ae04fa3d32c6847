# A loop that makes the call again, without the mov.
#= after 0x5-0xa
	fn f
	mov $35, %eax
1:	syscall
	test %rax, %rax
	jne 1b
	ret
	end f
