/* MANY small functions and a table of them: many[i](x) is x + i. */
	.set	MANY, 20000
	.altmacro

	.macro	FUNCTION k
	.p2align 4
	.globl	f_many_\k
	.type	f_many_\k, @function
f_many_\k:
	.cfi_startproc
	leaq	\k(%rdi), %rax
	ret
	.cfi_endproc
	.size	f_many_\k, . - f_many_\k
	.pushsection .data.rel.ro, "aw", @progbits
	.quad	f_many_\k
	.popsection
	.endm

	.section .data.rel.ro, "aw", @progbits
	.p2align 3
	.globl	many
many:
	.text
	.set	k, 0
	.rept	MANY
	FUNCTION %k
	.set	k, k + 1
	.endr
	.section .note.GNU-stack, "", @progbits
