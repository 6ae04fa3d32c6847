# A label is no function: it may be data.
# entry: refused: nothing says where the function
# return: refused: nothing says where the function
	.include "function.inc"
	.globl	f
f:	lea	1(%rdi), %rax
	mov	%rax, %rdx
	ret
	.p2align 4
neighbour
