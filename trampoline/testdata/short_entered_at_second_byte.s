# One byte is not enough.
# entry: refused: a jump leads to +0x1, inside the first two bytes
# return: refused: a jump leads to +0x1, inside the first two bytes
	.include "function.inc"
begin f
	cwtl
1:	add	$3, %eax
	dec	%edi
	jg	1b
	ret
end f
	.skip	5, 0xcc
neighbour
