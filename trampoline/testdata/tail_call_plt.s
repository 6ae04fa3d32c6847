# Where it goes is decided when it is linked.
# entry: jump
# return: return-d
	.include "function.inc"
begin f
	add	$1, %rdi
	jmp	g@plt
end f
	.p2align 4
neighbour
