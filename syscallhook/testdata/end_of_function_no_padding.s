#= before 0x0-0x5
	fn f
	mov %rdi, %rax
	syscall
	ret
	end f
	fn g
	ret
	end g
