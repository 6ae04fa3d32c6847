# One case of a switch is the second instruction.
# entry: refused: a jump leads to +0x1
# return: refused: a jump leads to +0x1
	.include "function.inc"
	.section .rodata
	.balign	4
table:	.long	2f-table, 3f-table
	.text
begin f
	nop
2:	nop
	lea	table(%rip), %rdx
	movslq	(%rdx,%rdi,4), %rax
	add	%rdx, %rax
	jmp	*%rax
3:	ret
end f
