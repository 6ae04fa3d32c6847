# musl's __unmapself: behind munmap there is no stack. Elsewhere both are as others.
#= trap: the thread gives its own stack back, and has none to run programs on
#= trap: the thread gives its own stack back, and has none to run programs on
#= mov 0x0-0x7 nr 11
#= mov 0x0-0x7 nr 60
	fn unmapself
	mov	$11,%eax
	syscall
	xor	%rdi,%rdi
	mov	$60,%eax
	syscall
	end unmapself
	.p2align 4
	fn unmap
	mov	$11,%eax
	syscall
	ret
	end unmap
	.p2align 4
	fn leave
	mov	$60,%eax
	syscall
	hlt
	end leave
