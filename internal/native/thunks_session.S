/* Thunks for functions that have session programs (uprobe.session): programs that run at
 * the entry and at the return of one call, and in between keep a cookie and whether they
 * want the return. Both lie in the host's stack, below the return address, while the body
 * runs; so a call that is left by longjmp or an exception leaves nothing behind, and no
 * thread has a list of its calls. The return address must stay in its place for that:
 * tactics (a) and (b) only. The stub is
 *
 *     .quad runs
 *     lea   -SESSION_WORDS(%rsp), %rsp
 *     call  *session_entry(%rip)  -> bpftime_session_entry_thunk, comes back here
 *     push  body(%rip)
 *     jmp   *session_return(%rip) -> bpftime_session_return_thunk
 *     .quad runs_of_return
 *   body: <displaced instructions>; jmp site+n
 *
 * and the stack, from the entry on and in the body, is
 *
 *     [host's return address]
 *     [SESSION_WORDS bytes]
 *     [return address into the stub, later body]
 *     …
 *
 * Everything is put back from pt_regs, since few functions have session programs.
 */
#include "thunks.h"

#define SESSION_RA 264 /* FRAME_SESSION + SESSION_WORDS */

	.macro	SESSION_THUNK name
	FUNCTION \name
	.cfi_startproc
	.cfi_def_cfa rsp, SESSION_WORDS+16
	.cfi_offset rip, -8
	.endm

#define NOT_WANTED 0xfe /* bit N for program N: what has not run does not want the return */

/* RUN for a list with session programs: they are skipped at the return (\returns = 1)
 * if their bits are set, and at the entry clear them by returning 0. Bit 0 is that of
 * the other programs, and never set. */
	.macro SESSION_LIST runs, returns
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
	movq	%rax, FRAME_THREAD(%rsp)
	FIND_RUNS %rcx, FRAME_SITE(%rsp), \runs
3:	.if	\returns
	movl	RUN_SESSION(%rcx), %edx
	movq	FRAME_SESSION+SESSION_STATE(%rsp), %rsi
	btq	%rdx, %rsi
	jc	5f
	.endif
	movq	%rcx, FRAME_RUN(%rsp)
	movq	THREAD_COUNTERS(%rax), %rax
	movl	RUN_COUNTER(%rcx), %edx
	incq	(%rax,%rdx)
	leaq	FRAME_REGS(%rsp), %rdi
	call	*RUN_FN(%rcx)
	movq	FRAME_RUN(%rsp), %rcx
	.if	!\returns
	testl	%eax, %eax
	jnz	5f
	movl	RUN_SESSION(%rcx), %edx
	movq	FRAME_SESSION+SESSION_STATE(%rsp), %rsi
	btrq	%rdx, %rsi
	movq	%rsi, FRAME_SESSION+SESSION_STATE(%rsp)
	.endif
5:	movq	FRAME_THREAD(%rsp), %rax
	addq	$RUN_SIZE, %rcx
	cmpq	$0, RUN_FN(%rcx)
	jne	3b
	movq	$0, THREAD_HOLDER(%rax)
	jmp	4f
8:	FIND_RUNS %rdi, FRAME_SITE(%rsp), \runs
	movq	%rsp, %rsi
	call	bpftime_thread_enter
	testq	%rax, %rax
	jnz	2b
4:
	.endm

	SESSION_THUNK bpftime_session_entry_thunk
	OPEN 1
	movl	$NOT_WANTED, %eax
	movq	%rax, FRAME_SESSION+SESSION_STATE(%rsp)
	xorl	%eax, %eax
	.irp	n, 1, 2, 3, 4, 5, 6, 7
	movq	%rax, FRAME_SESSION+SESSION_COOKIES+8*\n(%rsp)
	.endr
	FIND_RUNS %rax, FRAME_SITE(%rsp), OFFSET_RUNS
	movq	RUN_IP(%rax), %rax
	movq	%rax, REG(PT_RIP)
	leaq	SESSION_RA(%rsp), %rax
	movq	%rax, REG(PT_RSP)
	SESSION_LIST OFFSET_RUNS, 0
	movq	REG(PT_RIP), %rcx
	FIND_RUNS %rax, FRAME_SITE(%rsp), OFFSET_RUNS
	cmpq	RUN_IP(%rax), %rcx
	jne	6f
	.cfi_remember_state
7:	RESTORE_WRITTEN
	leaq	FRAME_SIZE(%rsp), %rsp
	.cfi_adjust_cfa_offset -FRAME_SIZE
	ret
	.cfi_restore_state
6:	movq	%rsp, %rdi
	call	bpftime_session_entered
	testq	%rax, %rax
	jz	7b
	jmp	bpftime_leave
	END bpftime_session_entry_thunk

	SESSION_THUNK bpftime_session_return_thunk
	call	*(%rsp)
bpftime_session_return_behind:
	OPEN 1
	movq	SESSION_RA(%rsp), %rax
	movq	%rax, REG(PT_RIP)
	leaq	SESSION_RA+8(%rsp), %rax
	movq	%rax, REG(PT_RSP)
	movq	FRAME_SESSION+SESSION_STATE(%rsp), %rax
	btsq	$SESSION_RETURNS, %rax
	movq	%rax, FRAME_SESSION+SESSION_STATE(%rsp)
	SESSION_LIST BODY_RUNS, 1
	cmpq	$FLAGS_DEAD, REG(PT_EFLAGS)
	jne	bpftime_leave
	leaq	SESSION_RA+8(%rsp), %rcx
	cmpq	%rcx, REG(PT_RSP)
	jne	bpftime_leave
	movq	REG(PT_RIP), %rcx
	movq	%rcx, SESSION_RA(%rsp)
	RESTORE_WRITTEN
	leaq	SESSION_RA(%rsp), %rsp
	.cfi_adjust_cfa_offset -FRAME_SESSION-SESSION_WORDS
	ret
	END bpftime_session_return_thunk

	RETURN_COPIES bpftime_session_return_copy, bpftime_session_return_behind, SESSION_WORDS

	.section .note.GNU-stack,"",@progbits
