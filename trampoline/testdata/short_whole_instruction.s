# The first instruction is longer than the short jump: int3 follows that.
# entry: short
# return: return-a
	.include "function.inc"
begin f
	lea	1(%rdi), %eax
1:	add	$3, %eax
	dec	%edi
	jg	1b
	ret
end f
	.skip	5, 0xcc
neighbour
