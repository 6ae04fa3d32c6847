# As clone ends its unwind data; and a function that nothing describes.
#= outside nr 56
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
