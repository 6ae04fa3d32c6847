# Data in it: the syscall may be some as well.
#= trap: the function holds something that is no instruction, so nothing is sure in it
	fn f
	jmp 1f
	.byte 0x06, 0x06
1:	mov $39, %eax
	syscall
	ret
	end f
