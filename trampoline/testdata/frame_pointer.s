# entry: jump
# return: return-a
	.include "function.inc"
begin f
	push	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_offset rbp, -16
	mov	%rsp, %rbp
	.cfi_def_cfa_register rbp
	sub	$32, %rsp
	movaps	%xmm1, -16(%rbp)
	mov	-16(%rbp), %rax
	leave
	.cfi_def_cfa rsp, 8
	ret
end f
