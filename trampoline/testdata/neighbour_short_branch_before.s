# The same from the function before f.
# entry: short
# return: return-a
	.include "function.inc"
begin g
	lea	(%rdi,%rsi), %rax
	jmp	1f
end g
	.p2align 4
begin f
	mov	%rdi, %rax
1:	add	$1, %rax
	ret
end f
