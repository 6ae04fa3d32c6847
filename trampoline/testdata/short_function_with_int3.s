# entry: padding
# return: return-a
	.include "function.inc"
begin f
	xor	%eax, %eax
	ret
end f
	.skip	2, 0xcc
neighbour
