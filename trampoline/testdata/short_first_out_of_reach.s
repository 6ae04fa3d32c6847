# One byte more.
# entry: refused: a short jump finds no padding
# return: refused: a short jump finds no padding
	.include "function.inc"
begin f
	mov	%edi, %eax
1:	add	$3, %eax
	dec	%edi
	jg	1b
	mov	$1, %ecx
	.skip	115, 0x90
	ret
end f
	.skip	5, 0xcc
neighbour
