# Somebody far away does: only a look at the whole module finds that.
# entry: refused: a jump leads to +0x3
# return: refused: a jump leads to +0x3
	.include "function.inc"
begin f
	mov	%rdi, %rax
1:	add	$1, %rax
	ret
end f
	.skip	5000, 0xcc
begin g
	lea	(%rdi,%rsi), %rax
	jmp	1b
end g
