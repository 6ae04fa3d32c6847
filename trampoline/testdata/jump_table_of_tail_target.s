# A switch that is not understood, in another function: it cannot lead here.
# entry: jump
# return: return-d
	.include "function.inc"
begin f
	inc	%edi
	mov	%edi, %eax
	test	%eax, %eax
	jmp	g
end f
	.p2align 4
begin g
	push	%rdi
	.cfi_adjust_cfa_offset 8
	and	$1, %edi
	lea	table(%rip), %rax
	mov	(%rax,%rdi,8), %rax
	pop	%rdi
	.cfi_adjust_cfa_offset -8
	jmp	*%rax
end g
	.p2align 4
begin one
	mov	$1, %eax
	ret
end one
	.section .data.rel.ro, "aw"
	.balign	8
table:	.quad	one, one
