# It takes the address of its stack arguments.
# entry: jump
# return: return-c
	.include "function.inc"
begin f
	lea	8(%rsp), %rdx
	mov	(%rdx), %rax
	add	24(%rdx), %rax
	xor	%edx, %edx
	ret
end f
	.p2align 4
neighbour
