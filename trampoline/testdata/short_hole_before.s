# The only padding within reach is before f.
# entry: short
# return: return-a
	.include "function.inc"
begin g
	lea	2(%rdi), %rax
	ret
end g
	.p2align 4
begin f
	mov	%edi, %eax
1:	add	$3, %eax
	dec	%edi
	jg	1b
	ret
end f
begin h
	lea	2(%rdi), %rax
	ret
end h
