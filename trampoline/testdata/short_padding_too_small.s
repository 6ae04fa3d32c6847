# Four bytes hold no jump.
# entry: refused: a short jump finds no padding
# return: refused: a short jump finds no padding
	.include "function.inc"
begin g
	lea	2(%rdi), %rax
	ret
end g
	.skip	4, 0xcc
begin f
	mov	%edi, %eax
1:	add	$3, %eax
	dec	%edi
	jg	1b
	ret
end f
	.skip	4, 0xcc
begin h
	lea	2(%rdi), %rax
	ret
end h
