# The second finds its bytes taken.
#= after 0x2-0x8
#= before 0x8-0xd
	fn f
	mov %edi, %eax
	syscall
	mov %esi, %edi
	mov %edx, %esi
	mov %rdi, %rax
	syscall
	ret
	end f
