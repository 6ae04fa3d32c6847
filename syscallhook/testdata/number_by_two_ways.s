# A jump brings another number.
#= after 0xe-0x14
	fn f
	mov $1, %eax
	test %edi, %edi
	jne 1f
	mov $2, %eax
1:	syscall
	cmp $0, %rax
	ret
	end f
