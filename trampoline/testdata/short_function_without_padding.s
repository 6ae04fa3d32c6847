# entry: refused: the function has 3 bytes and no padding
# return: refused: the function has 3 bytes and no padding
	.include "function.inc"
begin f
	xor	%eax, %eax
	ret
end f
neighbour
