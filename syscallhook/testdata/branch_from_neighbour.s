# Hand-written code shares tails.
#= mov 0x0-0x7 nr 3
#= trap: behind it: a jump may lead to +0x2; before it: the function begins; and no padding is within reach of a short jump
	fn g
	mov $3, %eax
	syscall
	jmp inner
	end g
	fn f
	syscall
inner:	neg %eax
	ret
	end f
