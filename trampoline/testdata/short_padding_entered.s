# Somebody jumps into the padding: a loop head that is aligned, or a second entry.
# entry: refused: a short jump finds no padding
# return: refused: a short jump finds no padding
# exec: no
	.include "function.inc"
begin g
	lea	2(%rdi), %rdi
	jmp	2f
end g
	.skip	3, 0x90
2:	.skip	5, 0x90
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
