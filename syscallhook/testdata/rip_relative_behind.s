#= after 0x2-0xb
	fn f
	mov %edi, %eax
	syscall
	mov data(%rip), %rdx
	ret
	end f
	.data
data:	.quad 0
