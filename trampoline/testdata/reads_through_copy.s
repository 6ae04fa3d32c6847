# The pointer to the return address is not the one that the frame is known by.
# entry: jump
# return: refused: it may read its own return address
	.include "function.inc"
	.section .data.rel.ro, "aw"
	.balign	8
goal:	.quad	g
	.text
begin f
	lea	(%rsp), %r11
	mov	(%r11), %rax
	xor	%eax, %eax
	xor	%r11d, %r11d
	jmp	*goal(%rip)
end f
	.p2align 4
neighbour
