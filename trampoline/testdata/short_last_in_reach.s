# The padding begins 129 bytes behind the entry: as far as a rel8 goes.
# entry: short
# return: return-a
	.include "function.inc"
begin f
	mov	%edi, %eax
1:	add	$3, %eax
	dec	%edi
	jg	1b
	mov	$1, %ecx
	.skip	114, 0x90
	ret
end f
	.skip	5, 0xcc
neighbour
