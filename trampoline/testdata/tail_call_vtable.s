# entry: jump
# return: return-d
	.include "function.inc"
	.section .data.rel.ro, "aw"
	.balign	8
object:	.quad	vtable
vtable:	.quad	0, g
	.text
begin f
	mov	object(%rip), %rax
	jmp	*8(%rax)
end f
	.p2align 4
neighbour
