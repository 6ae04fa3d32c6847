/*
 * The hand-written limit: what an assembly programmer who knows the function would put behind its first five bytes.
 * Each t_NAME is the trampoline of f_NAME; the host writes the jump. They save what programs and their helpers may
 * clobber, guard against recursion, call the programs through a list in memory, and run the displaced instructions.
 * The programs count, as those of the agent do, so that a trampoline that is not reached shows.
 */

#include "regs.h"

	.section .tbss, "awT", @nobits
	.p2align 3
	.globl	limit_guard, limit_shadow, limit_shadow_end
limit_guard:
	.zero	8
limit_shadow:				/* next free entry of the shadow stack: return address, stack pointer */
	.zero	8
limit_shadow_end:
	.zero	8

/*
 * The programs of a site: the i-th counts in the i-th word of hits_SITE. A list is a pointer, as to something that may be
 * exchanged while the process runs, to {program, cookie}… ended by a zero.
 */
	.macro PROGRAMS site
	.data
	.p2align 6
	.globl	hits_\site
hits_\site:
	.zero	64
	.text
	.irp	i, 0, 1, 2
	.p2align 5
program_\site\()_\i:
	incq	hits_\site+8*\i(%rip)
	xorl	%eax, %eax
	ret
	.endr
	.endm

	.macro LIST name, site, programs:vararg
	.data
	.p2align 6
list_\name:
	.quad	0f
0:
	.irp	i, \programs
	.quad	program_\site\()_\i, 0
	.endr
	.quad	0
	.endm

	.macro TRAMPOLINE name
	.text
	.p2align 5
	.globl	t_\name
t_\name:
	.endm

	.macro DISPLACED name
	movslq	%esi, %rsi
	movsbq	(%rdi, %rsi), %rax
	jmp	f_\name\()_rest
	.endm

	.macro SAVE_REST
	movq	%rbp, RBP(%rsp)
	movq	%r12, R12(%rsp)
	movq	%r13, R13(%rsp)
	movq	%r14, R14(%rsp)
	movq	%r15, R15(%rsp)
	movq	$0x33, CS(%rsp)
	movq	$0x2b, SS(%rsp)
	movq	$-1, ORIG_RAX(%rsp)
	.endm

	.macro SAVE_IP_SP name
	leaq	f_\name(%rip), %rax
	movq	%rax, RIP(%rsp)
	leaq	PT_REGS(%rsp), %rax
	movq	%rax, RSP(%rsp)
	.endm

/* Runs the programs of a list, if it has any, on the registers at rsp; saves and uses rbx. */
	.macro RUN list, programs:vararg
	movq	%rbx, RBX(%rsp)
	movq	list_\list(%rip), %rbx
	cmpq	$0, (%rbx)
	je	9f
	.irp	i, \programs
	movq	%rsp, %rdi
	call	*16*\i(%rbx)
	.endr
9:
	movq	RBX(%rsp), %rbx
	.endm

	.macro GUARDED list, programs:vararg
	movl	$1, %fs:limit_guard@tpoff
	RUN	\list, \programs
	movl	$0, %fs:limit_guard@tpoff
	.endm

/* What a return probe keeps is rax and rdx; the frame is PT_REGS and \pad bytes, which align the stack. */
	.macro SAVE_RESULT pad
	leaq	-PT_REGS-\pad(%rsp), %rsp
	movq	%rax, RAX(%rsp)
	movq	%rdx, RDX(%rsp)
	.endm

	.macro RESTORE_RESULT
	movq	RAX(%rsp), %rax
	movq	RDX(%rsp), %rdx
	.endm

/* The floor: a jump there and a jump back. */
	TRAMPOLINE jump
	DISPLACED jump

	.macro ENTRY name, programs:vararg
	PROGRAMS \name
	LIST	\name, \name, \programs
	TRAMPOLINE \name
	SAVE
	SAVE_IP_SP \name
	cmpl	$0, %fs:limit_guard@tpoff
	jne	1f
	GUARDED	\name, \programs
1:
	RESTORE
	DISPLACED \name
	.endm

	ENTRY	limit_entry, 0
	ENTRY	limit_entry2, 0, 1
	ENTRY	limit_entry3, 0, 1, 2

/* As limit_entry, with all of pt_regs filled in. */
	PROGRAMS limit_full
	LIST	limit_full, limit_full, 0
	TRAMPOLINE limit_full
	SAVE
	SAVE_IP_SP limit_full
	SAVE_REST
	cmpl	$0, %fs:limit_guard@tpoff
	jne	1f
	GUARDED	limit_full, 0
1:
	RESTORE
	DISPLACED limit_full

/* The body is called below the return address, which stays where it is: two calls, two returns, no state per thread. */
	.macro BELOW name, list
	subq	$8, %rsp
	call	2f
	SAVE_RESULT 8
	movq	PT_REGS+16(%rsp), %rax
	movq	%rax, RIP(%rsp)
	cmpl	$0, %fs:limit_guard@tpoff
	jne	1f
	GUARDED	\list, 0
1:
	RESTORE_RESULT
	addq	$PT_REGS+16, %rsp
	ret
2:
	DISPLACED \name
	.endm

	PROGRAMS limit_return
	LIST	limit_return, limit_return, 0
	TRAMPOLINE limit_return
	BELOW	limit_return, limit_return

	PROGRAMS limit_both
	LIST	limit_both_entry, limit_both, 0
	LIST	limit_both_return, limit_both, 1
	TRAMPOLINE limit_both
	SAVE
	SAVE_IP_SP limit_both
	cmpl	$0, %fs:limit_guard@tpoff
	jne	3f
	GUARDED	limit_both_entry, 0
	RESTORE
	BELOW	limit_both, limit_both_return
3:
	RESTORE
	DISPLACED limit_both

/* The same with a shadow stack: the return address moves there, the body is called in its place, and it comes back. */
	PROGRAMS limit_shadow
	LIST	limit_shadow_entry, limit_shadow, 0
	LIST	limit_shadow_return, limit_shadow, 1
	TRAMPOLINE limit_shadow
	SAVE
	SAVE_IP_SP limit_shadow
	cmpl	$0, %fs:limit_guard@tpoff
	jne	3f
	GUARDED	limit_shadow_entry, 0
	RESTORE
	movq	%fs:limit_shadow@tpoff, %r11
	cmpq	%fs:limit_shadow_end@tpoff, %r11
	jae	4f
	popq	(%r11)
	movq	%rsp, 8(%r11)
	addq	$16, %r11
	movq	%r11, %fs:limit_shadow@tpoff
	call	2f
	SAVE_RESULT 8			/* 8: the slot that the return address comes back to */
	movq	%fs:limit_shadow@tpoff, %r11
	subq	$16, %r11
	movq	%r11, %fs:limit_shadow@tpoff
	movq	(%r11), %r11
	movq	%r11, RIP(%rsp)
	movq	%r11, PT_REGS(%rsp)
	cmpl	$0, %fs:limit_guard@tpoff
	jne	1f
	GUARDED	limit_shadow_return, 0
1:
	RESTORE_RESULT
	leaq	PT_REGS(%rsp), %rsp
	ret
2:
	DISPLACED limit_shadow
3:
	RESTORE
	DISPLACED limit_shadow
4:
	ud2

	.section .note.GNU-stack, "", @progbits
