# The call is no call: it tells where the code lies.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	call	1f
	.cfi_adjust_cfa_offset 8
1:	pop	%rax
	.cfi_adjust_cfa_offset -8
	lea	1b(%rip), %rdx
	sub	%rdx, %rax
	mov	$0, %edx
	ret
end f
