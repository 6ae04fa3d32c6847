/* Return, tactic (d): the body finds its frame exactly where the caller put it.
 *
 * The host's return address is kept in a table of ours, bpftime_shadow, under the
 * address X of its place on the stack; the call of the body puts our return point
 * there. Behind the body the host's address goes back to X and the entry is free.
 *
 *    rsp at         thunk   call   body          return point       tactic (a)
 *    X+8                    <-                   <-
 *    X     ra       ra      ra     return point  (what it was)      ra
 *    X-8   body     <-      body                                    body   <-
 *
 * So an entry lives as long as its frame, on whatever thread and stack: two frames
 * that are alive never have the same X. Who leaves a frame by longjmp or an
 * exception leaves its entry, which the next frame at X finds and takes.
 *
 * The functions here are one block of SHADOW_BLOCK bytes: an unwinder that comes
 * from the body knows nothing but rip and rsp, so it rounds rip down to the block,
 * where the way to the table stands. Only registers and memory can be named in the
 * expression of a frame: it searches the table as bpftime_shadow_leave does.
 *
 * The frame of the return point has no size, and an unwinder tells frames apart by
 * their CFA. It is said to be rsp+1, and the caller's rsp CFA-1.
 */
#include "abi.h"

	.section .bpftime_hot,"ax",@progbits

#define SAVED_RAX 0
#define SAVED_RCX 8
#define SAVED_RDX 16
#define SAVED_SIZE 24
#define BODY SAVED_SIZE        /* X - 8 */
#define RA SAVED_SIZE+8        /* X */

/* \entry = the first place for the key in rcx. Changes rax. */
	.macro FIRST_PLACE entry
	movq	%rcx, \entry
	movq	%rcx, %rax
	shrq	$SHADOW_SHIFT, \entry
	shrq	$SHADOW_BLOCK_SHIFT, %rax
	imulq	$SHADOW_SPREAD, %rax, %rax
	addq	%rax, \entry
	andl	$SHADOW_MASK, %edx
	shll	$SHADOW_SIZE_SHIFT, %edx
	leaq	bpftime_shadow(%rip), %rax
	addq	%rax, \entry
	.endm

	.macro SAVE
	leaq	-SAVED_SIZE(%rsp), %rsp
	.cfi_adjust_cfa_offset SAVED_SIZE
	movq	%rax, SAVED_RAX(%rsp)
	movq	%rcx, SAVED_RCX(%rsp)
	movq	%rdx, SAVED_RDX(%rsp)
	leaq	RA(%rsp), %rcx
	.endm

	.macro RESTORE
	movq	SAVED_RAX(%rsp), %rax
	movq	SAVED_RCX(%rsp), %rcx
	movq	SAVED_RDX(%rsp), %rdx
	.endm

/* A call of C that keeps what a host may count on. rdi = X, rsi = [body, ra]. */
	.macro CALL_C name
	.irp	r, rsi, rdi, r8, r9, r10, r11
	pushq	%\r
	.cfi_adjust_cfa_offset 8
	.endr
	movq	%rcx, %rdi
	leaq	-8(%rcx), %rsi
	call	\name
	.irp	r, r11, r10, r9, r8, rdi, rsi
	popq	%\r
	.cfi_adjust_cfa_offset -8
	.endr
	.endm

/* Behind the opcode of movabs, which nobody executes, a disassembler takes the first
 * word for an operand; the second one, 0, is whole instructions. */
	.p2align SHADOW_TEXT_SHIFT
	.fill	SHADOW_TEXT_SIZE-2, 1, 0x90
	.byte	0x48, 0xb8
.Lshadow_block:
	.quad	bpftime_shadow - .Lshadow_block
	.quad	0               /* the return address of a frame that is not in the table */

/* The same for programs that write to pt_regs: the body has bit 0 set. */
	.globl	bpftime_return_d_write
	.hidden	bpftime_return_d_write
	.type	bpftime_return_d_write, @function
bpftime_return_d_write:
	.cfi_startproc
	.cfi_def_cfa rsp, 16
	.cfi_offset rip, -8
	incq	(%rsp)
	.cfi_endproc
	.size bpftime_return_d_write, .-bpftime_return_d_write

	.globl	bpftime_return_d
	.hidden	bpftime_return_d
	.type	bpftime_return_d, @function
bpftime_return_d:
	.cfi_startproc
	.cfi_def_cfa rsp, 16
	.cfi_offset rip, -8
	SAVE
	FIRST_PLACE %rdx
	leaq	bpftime_return_d_behind(%rip), %rax
	cmpq	%rax, RA(%rsp)
	je	8f              /* a body has jumped here */
	cmpl	$0, bpftime_shadow_off(%rip)
	jne	8f
	xorl	%eax, %eax
	lock
	cmpxchgq %rcx, SHADOW_KEY(%rdx)
	jne	8f
	movq	RA(%rsp), %rax
	movq	%rax, SHADOW_RA(%rdx)
	movq	BODY(%rsp), %rax
	movq	%rax, SHADOW_SITE(%rdx)
	andq	$-2, BODY(%rsp)
	movq	$0, SHADOW_DEPTH(%rdx)
1:	RESTORE
	leaq	RA+8(%rsp), %rsp
	.cfi_remember_state
	.cfi_def_cfa_offset 0

/* call *-16(%rsp). The target lies in the red zone, where no signal comes. Who was
 * interrupted before the call finds the host's return address in its place; who
 * comes back from the body looks up the byte before its return address. */
	.byte	0xff
/* rsp: DW_CFA_val_expression, CFA - 1 */
	.cfi_escape 0x16, 7, 2, 0x31, 0x1c
/* rip: DW_CFA_expression. In comments: the stack, on which CFA is to begin with. */
	.cfi_escape 0x10, 16, 62
	.cfi_escape 0x12, 0x39, 0x1c                    /* dup lit9 minus            CFA X */
	.cfi_escape 0x12, 0x30+SHADOW_SHIFT, 0x25       /* dup lit4 shr              CFA X X>>4 */
	.cfi_escape 0x14, 0x30+SHADOW_BLOCK_SHIFT, 0x25 /* over lit16 shr            CFA X X>>4 X>>16 */
	.cfi_escape 0x0a, SHADOW_SPREAD & 0xff, SHADOW_SPREAD >> 8, 0x1e, 0x22 /* const2u mul plus */
	.cfi_escape 0x0a, SHADOW_MASK & 0xff, SHADOW_MASK >> 8, 0x1a           /* const2u and */
	.cfi_escape 0x30+SHADOW_SIZE_SHIFT, 0x24        /* lit5 shl                  CFA X offset */
	.cfi_escape 0x80, 0, 0x0b, 0, 0xfe, 0x1a        /* breg16 const2s and        CFA X offset block */
	.cfi_escape 0x12, 0x06, 0x22, 0x22              /* dup deref plus plus       CFA X place */
	.cfi_escape 0x30+SHADOW_PROBES                  /* lit8                      CFA X place n */
	.cfi_escape 0x14, 0x06, 0x15, 3, 0x29           /* 1: over deref pick(3) eq  CFA X place n found */
	.cfi_escape 0x28, 20, 0                         /* bra 3f */
	.cfi_escape 0x31, 0x1c                          /* lit1 minus */
	.cfi_escape 0x16, 0x23, SHADOW_SIZE, 0x16       /* swap plus_uconst swap     CFA X place+32 n-1 */
	.cfi_escape 0x12, 0x28, 0xee, 0xff              /* dup bra 1b */
	.cfi_escape 0x13, 0x80, 0, 0x0b, 0, 0xfe, 0x1a  /* drop breg16 const2s and   CFA X place block */
	.cfi_escape 0x2f, 1, 0                          /* skip 4f */
	.cfi_escape 0x13                                /* 3: drop                   CFA X place */
	.cfi_escape 0x23, SHADOW_RA                     /* 4: plus_uconst */
	.cfi_def_cfa_offset 1
	.byte	0x54, 0x24, 0xf0

	.globl	bpftime_return_d_behind
	.hidden	bpftime_return_d_behind
bpftime_return_d_behind:
	leaq	-16(%rsp), %rsp
	.cfi_adjust_cfa_offset 16
	SAVE
	FIRST_PLACE %rdx
	cmpq	%rcx, SHADOW_KEY(%rdx)
	jne	9f
	cmpq	$0, SHADOW_DEPTH(%rdx)
	jne	9f
2:	movq	SHADOW_RA(%rdx), %rax
	movq	%rax, RA(%rsp)
	.cfi_remember_state
	.cfi_restore rsp
	.cfi_offset rip, -8
	.cfi_def_cfa_offset SAVED_SIZE+16
	movq	SHADOW_SITE(%rdx), %rax
	shrq	%rax            /* CF, until we jump */
	leaq	(%rax,%rax), %rax
	movq	%rax, BODY(%rsp)
	movq	$0, SHADOW_KEY(%rdx)
	RESTORE
	leaq	SAVED_SIZE(%rsp), %rsp
	.cfi_def_cfa_offset 16
	jc	bpftime_return_write_behind
	jmp	bpftime_return_behind
	.cfi_restore_state

9:	CALL_C	bpftime_shadow_leave
	movq	%rax, %rdx
	jmp	2b
	.cfi_restore_state

	.cfi_def_cfa_offset SAVED_SIZE+16
8:	CALL_C	bpftime_shadow_enter
	testl	%eax, %eax
	jnz	1b
	RESTORE
	leaq	BODY(%rsp), %rsp
	.cfi_def_cfa_offset 16
	ret                     /* to the body, unprobed */
	.cfi_endproc
	.size bpftime_return_d, .-bpftime_return_d
	.org	.Lshadow_block + SHADOW_TEXT_SIZE, 0x90 /* an error when the block is full */

	.section .note.GNU-stack,"",@progbits
