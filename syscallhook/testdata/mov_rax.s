# As Go writes it.
#= mov 0x0-0x9 nr 24
	fn f
	mov $24, %rax
	syscall
	ret
	end f
