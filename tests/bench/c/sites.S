/*
 * The functions under test. All do the same work, f(text, i, x) = text[i] + x, and differ in who probes them:
 * nobody (f_plain), the host's own assembly (f_jump, f_limit_*), the agent (f_ours_*), the kernel (f_kernel_*).
 * Each has a cache line of its own, unwind information as a compiler would give it, and a size.
 */

#include "helpers.h"

/* The first two instructions, eight bytes, are what a five-byte jump displaces. */
	.macro WORK name
	movslq	%esi, %rsi
	movsbq	(%rdi, %rsi), %rax
	.globl	f_\name\()_rest
f_\name\()_rest:
	addq	%rdx, %rax
	.endm

	.macro BEGIN name
	.p2align 6
	.globl	f_\name
	.type	f_\name, @function
f_\name:
	.cfi_startproc
	.endm

	.macro END name
	ret
	.cfi_endproc
	.size	f_\name, . - f_\name
	.fill	20, 1, 0xcc
	.endm

	.macro SITE name
	BEGIN	\name
	WORK	\name
	END	\name
	.endm

	.section .text.sites, "ax", @progbits
	.irp	name, plain, jump
	SITE	\name
	.endr
	.irp	name, entry, entry2, entry3, full, return, both, shadow
	SITE	limit_\name
	.endr
	.irp	name, entry, entry2, entry3, return, both, look, write, offset, offset_look, offset_write, session
	SITE	ours_\name
	.endr
#define OURS(name, calls) SITE ours_##name;
HELPER_SITES(OURS)

/*
 * What the kernel does with a uprobe depends on the first instruction: a five-byte nop becomes a call, a push is emulated,
 * a mov is single-stepped out of line. The sites have pages of their own: the kernel replaces a probed page by a copy.
 */
	.macro NOP5 name
	BEGIN	kernel_nop5_\name
	.byte	0x0f, 0x1f, 0x44, 0x00, 0x00
	WORK	kernel_nop5_\name
	END	kernel_nop5_\name
	.endm

	.macro PUSH name
	BEGIN	kernel_push_\name
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	WORK	kernel_push_\name
	popq	%rbp
	.cfi_def_cfa %rsp, 8
	END	kernel_push_\name
	.endm

	.section .text.kernel_sites, "ax", @progbits
	.p2align 12
	.irp	name, entry, both
	NOP5	\name
	PUSH	\name
	SITE	kernel_mov_\name
	.endr
	.irp	name, entry2, entry3
	NOP5	\name
	.endr
#define KERNELS(name, calls) NOP5 name;
HELPER_SITES(KERNELS)
	.p2align 12, 0xcc

	.section .note.GNU-stack, "", @progbits
