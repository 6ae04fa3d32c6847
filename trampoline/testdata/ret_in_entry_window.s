# The ret is among the bytes that the entry's patch takes.
# entry: jump
# return: refused: too near to another patch
	.include "function.inc"
begin f
	mov	(%rsp), %rax
	ret
end f
	.p2align 4
neighbour
