# The function ends, and the next begins at once; a call is no part of a window.
#= before 0x5-0xe
	fn f
	call f
	movq $32, (%rsi)
	syscall
	nop
	ret
	end f
