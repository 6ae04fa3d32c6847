# A switch leads among them.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
	.section .rodata
	.balign	4
table:	.long	3f - table, 4f - table
	.text
start
	and	$1, %edi
	jz	1f
1:	lea	table(%rip), %rdx
	jrcxz	2f
2:	movslq	(%rdx,%rdi,4), %rax
	add	%rdx, %rax
	jmp	*%rax
3:	lea	0x1234(%rsi), %rax
4:	add	$0x10000, %rax
stop
