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
#include "abi.h"

	.section .bpftime_hot,"ax",@progbits

#define REG(r) FRAME_REGS+r(%rsp)
#define LEAF_RAX 16
#define LEAF_RCX 24
#define LEAF_SIZE 32

/* Opens the frame and saves what a program may change; for a full one (\full = 1)
 * pt_regs is filled, but for ip and sp, which the caller knows. Flags are dead at
 * a function's entry and return: the program is shown IF and the reserved bit. */
	.macro OPEN full
	.if	\full
	leaq	-FRAME_SIZE(%rsp), %rsp
	.cfi_adjust_cfa_offset FRAME_SIZE
	movq	%rax, REG(PT_RAX)
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
	movq	$0x202, REG(PT_EFLAGS)
	movq	$0x2b, REG(PT_SS)
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
	movq	REG(PT_R11), %r11
	movq	REG(PT_R10), %r10
	movq	REG(PT_R9), %r9
	movq	REG(PT_R8), %r8
	movq	REG(PT_RSI), %rsi
	movq	REG(PT_RDX), %rdx
	movq	REG(PT_RDI), %rdi
	movq	REG(PT_RCX), %rcx
	movq	REG(PT_RAX), %rax
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

/* \to = the list of runs, which lies \runs bytes from what stands in the frame's
 * place for the site, \above the stack pointer. */
	.macro FIND_RUNS to, full, runs, above=0
	.if	\full
	movq	FRAME_SITE+\above(%rsp), \to
	.else
	movq	LEAF_SIZE+\above(%rsp), \to
	.endif
	movq	\runs(\to), \to
	.endm

/* Runs the list. What a leaf thunk has not saved is saved on the rare way.
 *
 * THREAD_HOLDER is the guard: one store takes it and says which frame did, so a
 * signal handler that comes in between finds it free or taken, never half. Without
 * a lease, on another stack than the lease is for, or while a program of ours runs
 * on this thread already, bpftime_thread_enter runs the list, or says with what. */
	.macro RUN full, runs, drop=0
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
	FIND_RUNS %rcx, \full, \runs
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
4:	CLOSE	\full, \drop
	.if	\full
8:	FIND_RUNS %rdi, 1, \runs
	movq	%rsp, %rsi
	call	bpftime_thread_enter
	.else
8:	leaq	-64(%rsp), %rsp
	.cfi_adjust_cfa_offset 64
	movq	%rsi, (%rsp)
	movq	%rdi, 8(%rsp)
	movq	%rdx, 16(%rsp)
	movq	%r8, 24(%rsp)
	movq	%r9, 32(%rsp)
	movq	%r10, 40(%rsp)
	movq	%r11, 48(%rsp)
	FIND_RUNS %rdi, 0, \runs, 64
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

/* ip and sp as they are behind a `ret`: the return address, and above it. */
	.macro RETURN_REGS
	movq	FRAME_RA(%rsp), %rax
	movq	%rax, REG(PT_RIP)
	leaq	FRAME_RA+8(%rsp), %rax
	movq	%rax, REG(PT_RSP)
	.endm

	.macro THUNK name
	FUNCTION \name
	.cfi_startproc
	.cfi_def_cfa rsp, 16
	.cfi_offset rip, -8
	.endm

	.macro END name
	.cfi_endproc
	.size \name, .-\name
	.endm

/* Entry of a probed function. [rsp] = return address into the stub. */
	.macro ENTRY name, full
	THUNK \name
	OPEN \full
	.if	\full
	FIND_RUNS %rax, 1, STUB_RUNS
	movq	RUN_IP(%rax), %rax
	movq	%rax, REG(PT_RIP)
	leaq	FRAME_RA(%rsp), %rax
	movq	%rax, REG(PT_RSP)
	.endif
	RUN \full, STUB_RUNS
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
	RUN \full, STUB_RUNS
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
\name\()_behind:
	OPEN \full
	.if	\full
	RETURN_REGS
	.endif
	RUN \full, BODY_RUNS, 8
	END \name
	.endm
	RETURN bpftime_return, 1
	RETURN bpftime_return_leaf, 0

/* Return, tactic (b): the same for a function that is known to read \n words of
 * its caller's frame; they are copied below. \n is even, so that the body finds
 * the alignment it counts on. */
	.macro RETURN_COPY n
	THUNK bpftime_return_copy\n
	.rept	\n
	pushq	8*\n+8(%rsp)
	.cfi_adjust_cfa_offset 8
	.endr
	call	*8*\n(%rsp)
	leaq	8*\n(%rsp), %rsp
	.cfi_adjust_cfa_offset -8*\n
	jmp	bpftime_return_behind
	END bpftime_return_copy\n
	.endm
	RETURN_COPY 2
	RETURN_COPY 4
	RETURN_COPY 6
	RETURN_COPY 8
	RETURN_COPY 10
	RETURN_COPY 12
	RETURN_COPY 14
	RETURN_COPY 16

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
