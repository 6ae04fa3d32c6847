/*
 * COLD functions, each called once a sweep, so that none of them nor their probes is in the caches. sweep_plain,
 * sweep_limit and sweep_ours call theirs one after the other, as f does, and add up: COLD * (text[i] + x).
 *
 * With so many probes the size of the code decides. The limit is a stub of 22 bytes, and one thunk for all of them.
 */
#include "regs.h"

	.set	COLD, 4096
	.altmacro

	.macro REPEAT do, kind
	.set	k, 0
	.rept	COLD
	\do	\kind, %k
	.set	k, k + 1
	.endr
	.endm

	.macro BEGIN kind, k
	.p2align 6
	.type	f_cold_\kind\()_\k, @function
f_cold_\kind\()_\k:
	.cfi_startproc
	.endm

	.macro END kind, k
	addq	%rdx, %rax
	ret
	.cfi_endproc
	.size	f_cold_\kind\()_\k, . - f_cold_\kind\()_\k
	.endm

	.macro WHOLE kind, k
	BEGIN	\kind, \k
	movslq	%esi, %rsi
	movsbq	(%rdi, %rsi), %rax
	END	\kind, \k
	.endm

	.macro PROBED kind, k
	BEGIN	\kind, \k
	.byte	0xe9			/* jmp rel32, never the short form */
	.long	t_cold_\kind\()_\k - . - 4
	.byte	0xcc, 0xcc, 0xcc
	END	\kind, \k
	.endm

	.macro STUB kind, k
	.p2align 3
	.long	program_cold - thunk_cold
t_cold_\kind\()_\k:
	call	thunk_cold
	movslq	%esi, %rsi
	movsbq	(%rdi, %rsi), %rax
	.byte	0xe9
	.long	f_cold_\kind\()_\k + 8 - . - 4
	.endm

	.macro INVOKE kind, k
	movq	%rbx, %rdi
	movl	%r12d, %esi
	movq	%r13, %rdx
	call	f_cold_\kind\()_\k
	addq	%rax, %rbp
	.endm

	.macro SWEEP kind
	.p2align 6
	.globl	f_sweep_\kind
f_sweep_\kind:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	subq	$8, %rsp
	movq	%rdi, %rbx
	movl	%esi, %r12d
	movq	%rdx, %r13
	xorl	%ebp, %ebp
	REPEAT	INVOKE, \kind
	movq	%rbp, %rax
	addq	$8, %rsp
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
	.endm

	.section .text.cold_sites, "ax", @progbits
	REPEAT	WHOLE, plain
	REPEAT	WHOLE, ours
	REPEAT	PROBED, limit
	.section .text.cold_stubs, "ax", @progbits
	REPEAT	STUB, limit
	.section .text.cold_sweeps, "ax", @progbits
	SWEEP	plain
	SWEEP	ours
	SWEEP	limit

	.data
	.p2align 6
	.globl	hits_sweep_limit
hits_sweep_limit:
	.zero	64
	.text
	.p2align 5
program_cold:
	incq	hits_sweep_limit(%rip)
	xorl	%eax, %eax
	ret

/* The stub's program, as seen from here, stands before its call: nine bytes before what the call returns to. */
	.p2align 5
thunk_cold:
	SAVE
	movq	PT_REGS(%rsp), %rax
	movslq	-9(%rax), %r10
	leaq	thunk_cold(%rip), %r11
	addq	%r11, %r10
	cmpl	$0, %fs:limit_guard@tpoff
	jne	1f
	movl	$1, %fs:limit_guard@tpoff
	movq	%rsp, %rdi
	call	*%r10
	movl	$0, %fs:limit_guard@tpoff
1:
	RESTORE
	ret

	.section .note.GNU-stack, "", @progbits
