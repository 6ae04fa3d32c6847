# The callee returns into f behind the patch.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	call	g
	add	%rdi, %rax
	ret
end f
	.p2align 4
neighbour
