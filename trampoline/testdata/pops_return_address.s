# As vfork does, whose child would overwrite it.
# entry: jump
# return: return-c
	.include "function.inc"
begin f
	pop	%rdx
	.cfi_adjust_cfa_offset -8
	mov	$57, %eax
	push	%rdx
	.cfi_adjust_cfa_offset 8
	ret
end f
	.p2align 4
neighbour
