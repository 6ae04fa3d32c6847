# A byte of nop with a jump right behind it, but with room before it.
# entry: jump
# return: return-a
# at +0x9: jump
	.include "function.inc"
begin f
	mov	$5, %ecx
	lea	1(%rdi), %rax
	nop
1:	inc	%eax
	dec	%ecx
	jnz	1b
	ret
end f
	.p2align 4
