# What follows is another function, which others call.
#= trap: behind it: the function ends, with no padding of its own there; before it: the function begins; and no padding is within reach of a short jump
	fn f
	syscall
	end f
	fn g
	xor %eax, %eax
	ret
	end g
