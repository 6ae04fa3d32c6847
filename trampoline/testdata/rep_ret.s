# entry: jump
# return: return-c
	.include "function.inc"
begin f
	mov	$0, %eax
	add	(%rsp), %rax
	rep ret
end f
	.p2align 4
neighbour
