# Each round passes the instruction, by a jump from its own patch and by one from afar.
# entry: jump
# return: return-a
# at +0x5: jump 3
# at +0x9: jump 3
	.include "function.inc"
begin f
	mov	$3, %ecx
1:	lea	1(%rax), %rax
	dec	%ecx
	jnz	1b
	mov	$0, %edx
	ret
end f
	.p2align 4
