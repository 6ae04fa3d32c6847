/*
 * struct pt_regs, and what every trampoline saves of it: the registers that programs and helpers may clobber.
 */
	.set	R15, 0
	.set	R14, 8
	.set	R13, 16
	.set	R12, 24
	.set	RBP, 32
	.set	RBX, 40
	.set	R11, 48
	.set	R10, 56
	.set	R9, 64
	.set	R8, 72
	.set	RAX, 80
	.set	RCX, 88
	.set	RDX, 96
	.set	RSI, 104
	.set	RDI, 112
	.set	ORIG_RAX, 120
	.set	RIP, 128
	.set	CS, 136
	.set	EFLAGS, 144
	.set	RSP, 152
	.set	SS, 160
	.set	PT_REGS, 168		/* 8 modulo 16: aligns the stack at a function's entry */

	.macro SAVE
	subq	$PT_REGS, %rsp
	movq	%rdi, RDI(%rsp)
	movq	%rsi, RSI(%rsp)
	movq	%rdx, RDX(%rsp)
	movq	%rcx, RCX(%rsp)
	movq	%r8, R8(%rsp)
	movq	%r9, R9(%rsp)
	movq	%rax, RAX(%rsp)
	movq	%r10, R10(%rsp)
	movq	%r11, R11(%rsp)
	.endm

	.macro RESTORE
	movq	RDI(%rsp), %rdi
	movq	RSI(%rsp), %rsi
	movq	RDX(%rsp), %rdx
	movq	RCX(%rsp), %rcx
	movq	R8(%rsp), %r8
	movq	R9(%rsp), %r9
	movq	RAX(%rsp), %rax
	movq	R10(%rsp), %r10
	movq	R11(%rsp), %r11
	addq	$PT_REGS, %rsp
	.endm
