/* What all thunks are made of: frames, the list of programs, the guard. thunks.S says
 * what a thunk is; each kind of site has its file. */
#ifndef BPFTIME_THUNKS_H
#define BPFTIME_THUNKS_H

#include "abi.h"

	.section .bpftime_hot,"ax",@progbits

#define REG(r) FRAME_REGS+r(%rsp)
#define LEAF_RAX 16
#define LEAF_RCX 24
#define LEAF_SIZE 32

#define FLAGS_DEAD 0x202 /* IF, and the bit that is always 1 */
#define FLAGS_ARITHMETIC 0x8d5 /* OF SF ZF AF PF CF */
#define FLAGS_DF 0x400

/* Fills pt_regs, but for rax, ip, sp and flags. */
	.macro SAVE
	movq	%rcx, REG(PT_RCX)
	movq	%rdi, REG(PT_RDI)
	movq	%rdx, REG(PT_RDX)
	movq	%rsi, REG(PT_RSI)
	movq	%r8, REG(PT_R8)
	movq	%r9, REG(PT_R9)
	movq	%r10, REG(PT_R10)
	movq	%r11, REG(PT_R11)
	movq	%rbx, REG(PT_RBX)
	movq	%rbp, REG(PT_RBP)
	movq	%r12, REG(PT_R12)
	movq	%r13, REG(PT_R13)
	movq	%r14, REG(PT_R14)
	movq	%r15, REG(PT_R15)
	movq	$-1, REG(PT_ORIG_RAX)
	movq	$0x33, REG(PT_CS)
	movq	$0x2b, REG(PT_SS)
	.endm

/* Puts back what a program may have changed by running. */
	.macro RESTORE
	movq	REG(PT_R11), %r11
	movq	REG(PT_R10), %r10
	movq	REG(PT_R9), %r9
	movq	REG(PT_R8), %r8
	movq	REG(PT_RSI), %rsi
	movq	REG(PT_RDX), %rdx
	movq	REG(PT_RDI), %rdi
	movq	REG(PT_RCX), %rcx
	movq	REG(PT_RAX), %rax
	.endm

/* Puts back everything from pt_regs, whatever programs made of it; but rsp, ip, flags
 * and, where \rbp is 0, rbp. */
	.macro RESTORE_WRITTEN rbp=1
	movq	REG(PT_R15), %r15
	movq	REG(PT_R14), %r14
	movq	REG(PT_R13), %r13
	movq	REG(PT_R12), %r12
	movq	REG(PT_RBX), %rbx
	.if	\rbp
	movq	REG(PT_RBP), %rbp
	.endif
	RESTORE
	.endm

/* Opens the frame and saves what a program may change; for a full one (\full = 1)
 * pt_regs is filled, but for ip and sp, which the caller knows. Flags are dead at
 * a function's entry and return: the program is shown IF and the reserved bit. */
	.macro OPEN full
	.if	\full
	leaq	-FRAME_SIZE(%rsp), %rsp
	.cfi_adjust_cfa_offset FRAME_SIZE
	movq	%rax, REG(PT_RAX)
	SAVE
	movq	$FLAGS_DEAD, REG(PT_EFLAGS)
	.else
	leaq	-LEAF_SIZE(%rsp), %rsp
	.cfi_adjust_cfa_offset LEAF_SIZE
	movq	%rax, LEAF_RAX(%rsp)
	movq	%rcx, LEAF_RCX(%rsp)
	.endif
	.endm

/* Puts the registers back, closes the frame, frees \drop bytes of the host's stack
 * that hold our own data, and returns. */
	.macro CLOSE full, drop
	.cfi_remember_state
	.if	\full
	RESTORE
	leaq	FRAME_SIZE+\drop(%rsp), %rsp
	.cfi_adjust_cfa_offset -FRAME_SIZE-\drop
	.else
	movq	LEAF_RCX(%rsp), %rcx
	movq	LEAF_RAX(%rsp), %rax
	leaq	LEAF_SIZE+\drop(%rsp), %rsp
	.cfi_adjust_cfa_offset -LEAF_SIZE-\drop
	.endif
	ret
	.cfi_restore_state
	.endm

/* DWARF, for CFI that gas has no words for. */
#define DW_CFA_def_cfa_expression 0x0f
#define DW_CFA_expression 0x10
#define DW_CFA_val_expression 0x16
#define DW_OP_deref 0x06
#define DW_OP_const1s 0x09
#define DW_OP_plus 0x22
#define DW_OP_plus_uconst 0x23
#define DW_OP_breg6 0x76 /* rbp + n */
#define DW_OP_breg7 0x77 /* rsp + n */
#define DW_RIP 16

/* CFI: the register of this number is at n(%rsp). */
	.macro AT_FRAME number, n
	.cfi_escape DW_CFA_expression, \number, 3, DW_OP_breg7, 0x80 | ((\n) & 0x7f), ((\n) >> 7) & 0x7f
	.endm

/* \to = the list of runs: its address lies \runs bytes from what \site holds. */
	.macro FIND_RUNS to, site, runs
	movq	\site, \to
	movq	\runs(\to), \to
	.endm

/* Runs the list, and leaves by \close. What a leaf thunk has not saved is saved on the
 * rare way, \below and \back are CFI for there.
 *
 * THREAD_HOLDER is the guard: one store takes it and says which frame did, so a
 * signal handler that comes in between finds it free or taken, never half. Without
 * a lease, on another stack than the lease is for, or while a program of ours runs
 * on this thread already, bpftime_thread_enter runs the list, or says with what. */
	.macro RUN full, site, runs, close, below, back
	movq	bpftime_self@gottpoff(%rip), %rax
	addq	%fs:0, %rax
	movq	%rsp, %rcx
	subq	THREAD_STACK(%rax), %rcx
	subq	bpftime_private+PRIVATE_ORIGIN(%rip), %rcx
	cmpq	$THREAD_WINDOW, %rcx
	jae	8f
	cmpq	$0, THREAD_HOLDER(%rax)
	jne	8f
2:	movq	%rsp, THREAD_HOLDER(%rax)
	.if	\full
	movq	%rax, FRAME_THREAD(%rsp)
	.endif
	FIND_RUNS %rcx, \site, \runs
3:	movq	%rcx, FRAME_RUN(%rsp)
	movq	THREAD_COUNTERS(%rax), %rax
	addq	RUN_COUNTER(%rcx), %rax
	incq	(%rax)
	.if	\full
	leaq	FRAME_REGS(%rsp), %rdi
	.endif
	call	*RUN_FN(%rcx)
	movq	FRAME_RUN(%rsp), %rcx
	.if	\full
	movq	FRAME_THREAD(%rsp), %rax
	.else
	movq	bpftime_self@gottpoff(%rip), %rax
	addq	%fs:0, %rax
	.endif
	addq	$RUN_SIZE, %rcx
	cmpq	$0, RUN_FN(%rcx)
	jne	3b
	movq	$0, THREAD_HOLDER(%rax)
4:	\close
	.if	\full
8:	FIND_RUNS %rdi, \site, \runs
	movq	%rsp, %rsi
	call	bpftime_thread_enter
	.else
8:	FIND_RUNS %rax, \site, \runs
	leaq	-64(%rsp), %rsp
	.cfi_adjust_cfa_offset 64
	\below
	movq	%rsi, (%rsp)
	movq	%rdi, 8(%rsp)
	movq	%rdx, 16(%rsp)
	movq	%r8, 24(%rsp)
	movq	%r9, 32(%rsp)
	movq	%r10, 40(%rsp)
	movq	%r11, 48(%rsp)
	movq	%rax, %rdi
	leaq	64(%rsp), %rsi
	call	bpftime_thread_enter
	movq	(%rsp), %rsi
	movq	8(%rsp), %rdi
	movq	16(%rsp), %rdx
	movq	24(%rsp), %r8
	movq	32(%rsp), %r9
	movq	40(%rsp), %r10
	movq	48(%rsp), %r11
	leaq	64(%rsp), %rsp
	.cfi_adjust_cfa_offset -64
	\back
	.endif
	testq	%rax, %rax
	jz	4b
	jmp	2b
	.endm

	.macro FUNCTION name
	.p2align 6
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.endm

	.macro END name
	.cfi_endproc
	.size \name, .-\name
	.endm

/* ip and sp as they are behind a `ret`: the return address, and above it. */
	.macro RETURN_REGS
	movq	FRAME_RA(%rsp), %rax
	movq	%rax, REG(PT_RIP)
	leaq	FRAME_RA+8(%rsp), %rax
	movq	%rax, REG(PT_RSP)
	.endm

/* ip and sp as they are at a function's entry. */
	.macro ENTRY_REGS
	FIND_RUNS %rax, FRAME_SITE(%rsp), STUB_RUNS
	movq	RUN_IP(%rax), %rax
	movq	%rax, REG(PT_RIP)
	leaq	FRAME_RA(%rsp), %rax
	movq	%rax, REG(PT_RSP)
	.endm

	.macro THUNK name
	FUNCTION \name
	.cfi_startproc
	.cfi_def_cfa rsp, 16
	.cfi_offset rip, -8
	.endm

/* Return, tactic (b): the same for a function that is known to read \n words of
 * its caller's frame; they are copied below. \n is even, so that the body finds
 * the alignment it counts on. */
	.macro RETURN_COPY name, n, behind, words
	FUNCTION \name\n
	.cfi_startproc
	.cfi_def_cfa rsp, 16+\words
	.cfi_offset rip, -8
	.rept	\n
	pushq	8*\n+8+\words(%rsp)
	.cfi_adjust_cfa_offset 8
	.endr
	call	*8*\n(%rsp)
	leaq	8*\n(%rsp), %rsp
	.cfi_adjust_cfa_offset -8*\n
	jmp	\behind
	END \name\n
	.endm

/* \words is what lies between the site's identity and the return address, in bytes. */
	.macro RETURN_COPIES name, behind, words=0
	.irp	n, 2, 4, 6, 8, 10, 12, 14, 16
	RETURN_COPY \name, \n, \behind, \words
	.endr
	.endm

#endif
