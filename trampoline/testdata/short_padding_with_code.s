# Between the functions is code that no symbol names, and it begins with nops.
# entry: refused: a short jump finds no padding
# return: refused: a short jump finds no padding
	.include "function.inc"
begin g
	lea	2(%rdi), %rax
	ret
end g
	.skip	8, 0x90
	lea	3(%rdi), %rax
	ret
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
