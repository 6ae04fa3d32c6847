# entry: jump
# return: return-a
	.include "function.inc"
begin f
	add	$1, %rdi
	jmp	g
end f
	.p2align 4
neighbour
