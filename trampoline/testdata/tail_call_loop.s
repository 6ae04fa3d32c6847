# It jumps to its own start and, in the end, to somebody: three entries, one return.
# entry: jump
# return: return-d
# hits: 4
	.include "function.inc"
	.section .data.rel.ro, "aw"
	.balign	8
goal:	.quad	g
	.text
begin f
	and	$-2, %sil
	mov	%esi, %edx
	add	$0x40, %al
	jnc	f
	jmp	*goal(%rip)
end f
	.p2align 4
neighbour
