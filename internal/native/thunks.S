/* The thunks: everything between a patched site and the programs.
 *
 * Laws (DESIGN): general registers only, no popfq, no lock, no libc; every
 * register of the host is put back, the caller-saved ones too, because a caller
 * compiled with -fipa-ra may count on any of them.
 *
 * Each thunk is there twice. The full one fills pt_regs and saves every register a
 * function may change. The *leaf* one is for programs that look at nothing in
 * pt_regs, call no helper and change nothing but rax and rcx: it saves these two, in
 * a frame that ends where pt_regs would begin.
 *
 * A stub near the site (internal/plan calls it a unit's code) is
 *
 *     .quad runs                 list of struct bpftime_run, ends with fn = 0
 *     call  *entry(%rip)         -> bpftime_entry, comes back here
 *     <displaced instructions>
 *     jmp   site+n
 *
 * and, when the function's return is probed as well, between call and rest
 *
 *     push  body(%rip)
 *     jmp   *return(%rip)        -> bpftime_return, which calls the body
 *     .quad runs_of_return
 *   body: <displaced instructions>; jmp site+n
 *
 * The thunks are static code of the agent's ELF under the CFI written here, so an
 * unwinder that comes from the body finds a frame it knows: the return address
 * the body sees lies right behind the `call *` below. Nothing is registered.
 *
 * A stub itself has no unwind data; the thunks' CFI therefore names the frame of
 * the *probed function's caller* as their own caller: CFA is what it would be at
 * the first instruction of the probed function.
 */
#include "thunks.h"

/* Runs the list of a site whose identity lies right above the frame. */
	.macro RUN_OF full, runs, drop
	.if	\full
	RUN 1, FRAME_SITE(%rsp), \runs, "CLOSE 1, \drop"
	.else
	RUN 0, LEAF_SIZE(%rsp), \runs, "CLOSE 0, \drop"
	.endif
	.endm

/* Entry of a probed function. [rsp] = return address into the stub. */
	.macro ENTRY name, full
	THUNK \name
	OPEN \full
	.if	\full
	ENTRY_REGS
	.endif
	RUN_OF \full, STUB_RUNS, 0
	END \name
	.endm
	ENTRY bpftime_entry, 1
	ENTRY bpftime_entry_leaf, 0

/* A `ret` of a probed function, tactic (c). As entry, but the program sees what
 * it would see behind the ret. */
	.macro RETURN_SITE name, full
	THUNK \name
	OPEN \full
	.if	\full
	RETURN_REGS
	.endif
	RUN_OF \full, STUB_RUNS, 0
	END \name
	.endm
	RETURN_SITE bpftime_return_site, 1
	RETURN_SITE bpftime_return_site_leaf, 0

/* Return, tactic (a): the host's return address stays where it is and the body is
 * called below it. [rsp] = body, [rsp+8] = return address of the host. The body's
 * `ret` pairs with this call, ours with the host's. */
	.macro RETURN name, full
	THUNK \name
	call	*(%rsp)
	.globl	\name\()_behind
	.hidden	\name\()_behind
\name\()_behind:
	OPEN \full
	.if	\full
	RETURN_REGS
	.endif
	RUN_OF \full, BODY_RUNS, 8
	END \name
	.endm
	RETURN bpftime_return, 1
	RETURN bpftime_return_leaf, 0

	RETURN_COPIES bpftime_return_copy, bpftime_return_behind

/* _dl_debug_state of the dynamic linker: a stub calls this, then runs on. ld.so
 * calls it as a function, but within one object -fipa-ra may know it as empty:
 * nothing is clobbered. bpftime_dl_state is the owner's function, or 0. */
	FUNCTION bpftime_dl_state_thunk
	.cfi_startproc
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbp
	.cfi_adjust_cfa_offset 80
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	andq	$-16, %rsp
	movq	bpftime_dl_state(%rip), %rax
	testq	%rax, %rax
	jz	1f
	call	*%rax
1:	movq	%rbp, %rsp
	.cfi_def_cfa_register rsp
	popq	%rbp
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	.cfi_adjust_cfa_offset -80
	ret
	.cfi_endproc
	.size bpftime_dl_state_thunk, .-bpftime_dl_state_thunk

	.section .note.GNU-stack,"",@progbits
