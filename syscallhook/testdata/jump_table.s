# The labels of a switch are known by its table.
#= before 0x14-0x1d
	fn f
	lea table(%rip), %rdx
	movslq (%rdx,%rdi,4), %rcx
	add %rdx, %rcx
	cmp $0, %esi
	nop
	.byte 0xff, 0xe1	# jmp *%rcx
1:	movq $32, (%rsi)
	syscall
2:	mov %edi, %eax
	ret
	end f
	.section .rodata
	.balign 4
table:	.long 1b - table, 2b - table
