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
 * The lists are walked by session.c; they have the other programs of the function as well.
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

/* Runs the list. 0: the host goes on where the return address in the frame's place says;
 * else all of pt_regs says where. */
	.macro SESSION_RUN before, after, drop
	leaq	SESSION_RA+\drop(%rsp), %rax
	movq	%rax, REG(PT_RSP)
	movq	%rsp, %rdi
	call	\before
	movq	%rax, %rdi
	movq	%rsp, %rsi
	call	bpftime_run_list
	movq	%rsp, %rdi
	call	\after
	testq	%rax, %rax
	jnz	bpftime_leave
	RESTORE_WRITTEN
	.endm

	SESSION_THUNK bpftime_session_entry_thunk
	OPEN 1
	SESSION_RUN bpftime_session_enter, bpftime_session_entered, 0
	leaq	FRAME_SIZE(%rsp), %rsp
	.cfi_adjust_cfa_offset -FRAME_SIZE
	ret
	END bpftime_session_entry_thunk

	SESSION_THUNK bpftime_session_return_thunk
	call	*(%rsp)
bpftime_session_return_behind:
	OPEN 1
	SESSION_RUN bpftime_session_return, bpftime_session_returned, 8
	leaq	SESSION_RA(%rsp), %rsp
	.cfi_adjust_cfa_offset -FRAME_SESSION-SESSION_WORDS
	ret
	END bpftime_session_return_thunk

	RETURN_COPIES bpftime_session_return_copy, bpftime_session_return_behind, SESSION_WORDS

	.section .note.GNU-stack,"",@progbits
