# The landing pad of indirect calls stays where it is.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	endbr64
	push	%rbp
	.cfi_adjust_cfa_offset 8
	mov	%rsp, %rbp
	xor	%eax, %eax
	pop	%rbp
	.cfi_adjust_cfa_offset -8
	ret
end f
