# The same with addresses, as a computed goto has them.
# entry: refused: a jump leads to +0x1
# return: refused: a jump leads to +0x1
	.include "function.inc"
	.section .data.rel.ro, "aw"
	.balign	8
table:	.quad	2f, 3f
	.text
begin f
	nop
2:	nop
	lea	table(%rip), %rdx
	jmp	*(%rdx,%rdi,8)
3:	ret
end f
