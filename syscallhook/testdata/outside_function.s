# As clone ends its unwind data, so that its mov is the last of a function; and a function
# that nothing describes.
#= mov 0x0-0x7 nr 56
#= outside nr 39
	fn f
	mov $56, %eax
	end f
	syscall
	test %rax, %rax
	ret
bare:	mov $39, %eax
	syscall
	ret
	fn g
	ret
	end g
