# The instruction behind endbr64 is where the patch of the entry begins: both share it.
# entry: jump
# return: return-a
# at +0x4: jump
# at +0x5: jump
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
