# entry: jump
# return: return-b
	.include "function.inc"
begin f
	push	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_offset rbp, -16
	mov	%rsp, %rbp
	.cfi_def_cfa_register rbp
	mov	16(%rbp), %rax
	add	40(%rbp), %rax
	leave
	.cfi_def_cfa rsp, 8
	ret
end f
