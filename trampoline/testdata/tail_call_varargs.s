# Whoever it jumps to reads arguments on the stack, as many as it likes.
# entry: jump
# return: return-d
	.include "function.inc"
	.section .data.rel.ro, "aw"
	.balign	8
goal:	.quad	g
	.text
begin f
	lea	8(%rsp), %rsi
	jmp	*goal(%rip)
end f
	.p2align 4
begin g
	xor	%eax, %eax
	mov	$18, %ecx
1:	add	(%rsi), %rax
	add	$8, %rsi
	dec	%ecx
	jnz	1b
	sub	%rsp, %rsi
	add	144(%rsp), %rax
	ret
end g
