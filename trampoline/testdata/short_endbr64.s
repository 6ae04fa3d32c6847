# Where a loop begins right behind the landing pad, the landing pad has to go.
# entry: short
# return: return-a
	.include "function.inc"
begin f
	endbr64
1:	add	$3, %eax
	dec	%edi
	jg	1b
	ret
end f
	.skip	5, 0xcc
neighbour
