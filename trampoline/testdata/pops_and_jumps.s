# entry: jump
# return: refused: indirect jump
	.include "function.inc"
begin f
	mov	$57, %eax
	pop	%rdx
	.cfi_adjust_cfa_offset -8
	jmp	*%rdx
end f
