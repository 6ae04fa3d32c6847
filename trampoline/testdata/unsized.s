# Neither unwind data nor a size, as in hand-written code: it ends where control does.
# entry: jump
# return: return-c
	.include "function.inc"
	.globl	f
	.type	f, @function
f:	lea	1(%rdi), %rax
	test	%edi, %edi
	js	1f
	mov	%rax, %rdx
	ret
1:	mov	$-1, %rdx
	add	$1, %rdx
	ret
	.p2align 4
neighbour
