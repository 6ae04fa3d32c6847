# The call returns, for all that is known, and runs through the padding into f.
# entry: refused: a short jump finds no padding
# return: refused: a short jump finds no padding
# exec: no
	.include "function.inc"
begin g
	push	%rax
	.cfi_adjust_cfa_offset 8
	call	h
end g
	.skip	5, 0x90
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
