# entry: jump
# return: return-a
	.include "function.inc"
begin f
	jmp	g
end f
	.skip	300, 0xcc
neighbour
