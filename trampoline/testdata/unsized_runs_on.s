# It has no end: control goes on into what is behind it.
# entry: refused: nothing says where the function
# return: refused: nothing says where the function
# exec: no
	.include "function.inc"
	.globl	f
	.type	f, @function
f:	lea	1(%rdi), %rax
	mov	%rax, %rdx
	nop
neighbour
