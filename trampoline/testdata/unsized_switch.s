# An indirect jump may be a switch, whose cases lie behind it.
# entry: refused: nothing says where the function
# return: refused: nothing says where the function
# exec: no
	.include "function.inc"
	.globl	f
	.type	f, @function
f:	lea	1(%rdi), %rax
	jmp	*%rdx
	ret
	.p2align 4
neighbour
