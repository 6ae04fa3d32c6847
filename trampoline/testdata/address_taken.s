# Somebody takes the address of its second instruction: a callback.
# entry: refused: a jump leads to +0x1, inside the first five bytes
# return: refused: a jump leads to +0x1
	.include "function.inc"
begin f
	nop
	mov	$7, %eax
	ret
end f
	.p2align 4
	.hidden f
begin taker
	lea	f+1(%rip), %r8
	mov	%r8, %rax
	ret
end taker
	.p2align 4
neighbour
