# It jumps over what may be data.
# entry: refused: nothing says where the function
# return: refused: nothing says where the function
	.include "function.inc"
	.globl	f
	.type	f, @function
f:	lea	1(%rdi), %rax
	jmp	1f
	.long	0x12345678
1:	mov	%rax, %rdx
	ret
	.p2align 4
neighbour
