# entry: padding
# return: return-a
	.include "function.inc"
begin f
	endbr64
	ret
end f
	.p2align 4
neighbour
