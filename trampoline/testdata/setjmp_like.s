# It keeps its return address and the stack pointer behind it.
# entry: jump
# return: return-c
# rdi: buffer
	.include "function.inc"
begin f
	mov	%rbx, (%rdi)
	mov	%rbp, 8(%rdi)
	lea	8(%rsp), %rdx
	sub	%rsp, %rdx
	mov	%rdx, 16(%rdi)
	mov	(%rsp), %rdx
	mov	%rdx, 24(%rdi)
	xor	%eax, %eax
	ret
end f
	.p2align 4
neighbour
