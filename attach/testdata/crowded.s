# A loop begins in the first five bytes of crowded; around it is no room, and behind
# short just enough for both.

	.macro	begin name
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	.endm

	.macro	end name
	.cfi_endproc
	.size	\name, . - \name
	.endm

	.text
	.p2align 4
begin before
	.skip	128, 0x90
	ret
end before
begin crowded
	xor	%eax, %eax
1:	inc	%eax
	dec	%edi
	jnz	1b
	ret
end crowded
begin short
	xor	%eax, %eax
	ret
end short
	.skip	7, 0xcc
begin behind
	mov	$8, %eax
	ret
end behind

	.section .note.GNU-stack, "", @progbits
