# The last instruction, with padding behind it; and where the ret is patched as well.
# entry: jump
# return: return-c
# at +0x9: jump
# at +0xd: jump
	.include "function.inc"
begin f
	mov	$4, %eax
	mov	(%rsp), %rdx
	sub	%rdx, %rdx
	nop
	ret
end f
	.p2align 4
