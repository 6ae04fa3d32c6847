# Nothing says where its frame ends, a symbol where it ends itself.
# entry: jump
# return: return-c
	.include "function.inc"
	.globl	f
	.type	f, @function
f:	lea	1(%rdi), %rax
	mov	%rax, %rdx
	ret
	.size	f, . - f
	.p2align 4
neighbour
