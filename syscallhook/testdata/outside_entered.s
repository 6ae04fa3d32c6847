# Behind the mov, by a short branch and by a long one.
#= outside
#= outside
	fn f
	nop
	end f
bare:	mov $39, %eax
1:	syscall
	dec %ebx
	jne 1b
	ret
	.balign 16
also:	mov $39, %eax
2:	syscall
	ret
	.fill 200, 1, 0x90
	jmp 2b
	fn g
	ret
	end g
