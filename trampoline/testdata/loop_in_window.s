# The loop goes with the window. A return must not be counted for each round.
# entry: jump
# return: return-c
	.include "function.inc"
begin f
	dec	%dil
	jnz	f
	movzbl	%dil, %eax
	mov	%esi, %edx
	ret
end f
	.p2align 4
neighbour
