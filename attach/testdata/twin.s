# A second file with a local function of the same name.
	.text
	.p2align 4
	.type	twin, @function
twin:	.cfi_startproc
	mov	$8, %eax
	ret
	.cfi_endproc
	.size	twin, . - twin
	.section .note.GNU-stack, "", @progbits
