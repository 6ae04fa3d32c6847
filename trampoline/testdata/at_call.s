# A call, and the instruction that it comes back to.
# entry: jump
# return: return-a
# at +0x4: jump
# at +0x5: jump
# at +0xa: jump
	.include "function.inc"
begin f
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	nop
	call	g
	lea	1(%rax), %rax
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	ret
end f
	.p2align 4
	neighbour
