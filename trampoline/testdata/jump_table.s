# A switch, as compilers write it: offsets from the table's start.
# entry: jump
# return: return-a
	.include "function.inc"
	.section .rodata
	.balign	4
table:	.long	2f-table, 3f-table
	.text
begin f
	and	$1, %edi
	lea	table(%rip), %rdx
	movslq	(%rdx,%rdi,4), %rax
	add	%rdx, %rax
	xor	%edx, %edx
	jmp	*%rax
2:	mov	$2, %eax
	ret
3:	mov	$3, %eax
	ret
end f
