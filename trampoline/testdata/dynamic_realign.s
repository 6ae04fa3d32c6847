# The frame is found through r10, then by an expression.
# entry: jump
# return: return-c
	.include "function.inc"
begin f
	lea	8(%rsp), %r10
	.cfi_def_cfa r10, 0
	and	$-32, %rsp
	push	-8(%r10)
	push	%rbp
	mov	%rsp, %rbp
	.cfi_escape 0x10,0x6,0x2,0x76,0
	push	%r10
	.cfi_escape 0xf,0x3,0x76,0x78,0x6
	sub	$40, %rsp
	movaps	%xmm2, -32(%rbp)
	mov	-32(%rbp), %rax
	add	$40, %rsp
	pop	%r10
	.cfi_def_cfa r10, 0
	pop	%rbp
	lea	-8(%r10), %rsp
	.cfi_def_cfa rsp, 8
	mov	$0, %r10d
	ret
end f
	.p2align 4
neighbour
