# entry: jump
# return: return-a
	.include "function.inc"
begin f
	inc	%edi
	call	g
	add	%rdi, %rax
	ret
end f
	.p2align 4
neighbour
