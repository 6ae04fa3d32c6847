# A label that only data knows: no patch may cover it, though the jump looks like a tail call.
# entry: jump
# return: return-d
# exec: no
# at +0x0: jump
# at +0xc: refused: a jump leads to +0xd
# at +0xd: jump
	.include "function.inc"
	.section .data.rel.ro, "aw"
	.balign	8
table:	.quad	2f
	.text
begin f
	lea	table(%rip), %rdx
	call	g
	nop
2:	mov	$1, %eax
	jmp	*(%rdx)
end f
	.p2align 4
	neighbour
