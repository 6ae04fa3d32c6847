/* The thunks: everything between a patched site and the programs.
 *
 * Laws (DESIGN): general registers only, no popfq, no lock, no libc; every
 * caller-saved register of the host is put back, because a caller compiled with
 * -fipa-ra may count on any of them; the callee-saved ones we use too.
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

/* Opens the frame and fills pt_regs; \ip and \sp are done by the caller. Flags are
 * dead at a function's entry and return: the program is shown IF and the
 * reserved bit. */
	.macro OPEN
	leaq	-FRAME_SIZE(%rsp), %rsp
	.cfi_adjust_cfa_offset FRAME_SIZE
	movq	%rax, REG(PT_RAX)
	movq	%rdi, REG(PT_RDI)
	movq	%rsi, REG(PT_RSI)
	movq	%rdx, REG(PT_RDX)
	movq	%rcx, REG(PT_RCX)
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
	.cfi_rel_offset rbx, FRAME_REGS+PT_RBX
	.cfi_rel_offset r12, FRAME_REGS+PT_R12
	.cfi_rel_offset r13, FRAME_REGS+PT_R13
	movq	$-1, REG(PT_ORIG_RAX)
	movq	$0x33, REG(PT_CS)
	movq	$0x202, REG(PT_EFLAGS)
	movq	$0x2b, REG(PT_SS)
	.endm

	.macro CLOSE
	movq	REG(PT_R13), %r13
	movq	REG(PT_R12), %r12
	movq	REG(PT_RBX), %rbx
	movq	REG(PT_R11), %r11
	movq	REG(PT_R10), %r10
	movq	REG(PT_R9), %r9
	movq	REG(PT_R8), %r8
	movq	REG(PT_RCX), %rcx
	movq	REG(PT_RDX), %rdx
	movq	REG(PT_RSI), %rsi
	movq	REG(PT_RDI), %rdi
	movq	REG(PT_RAX), %rax
	leaq	FRAME_SIZE(%rsp), %rsp
	.cfi_adjust_cfa_offset -FRAME_SIZE
	.cfi_restore rbx
	.cfi_restore r12
	.cfi_restore r13
	.endm

/* Runs the list in %r13. THREAD_HOLDER is the guard: one store takes it and says
 * which frame did, so a signal handler that comes in between finds it free or
 * taken, never half. No lease yet, or a program of ours on this thread already:
 * both rare answers are bpftime_thread_enter's. */
	.macro RUN
	movq	bpftime_self@gottpoff(%rip), %rax
	movq	%fs:(%rax), %rbx
	testq	%rbx, %rbx
	jz	8f
	movq	THREAD_COUNTERS(%rbx), %r12
	testq	%r12, %r12
	jz	8f
	cmpq	$0, THREAD_HOLDER(%rbx)
	jne	8f
2:	movq	%rsp, THREAD_HOLDER(%rbx)
	movq	%rbx, FRAME_THREAD(%rsp)
3:	movl	RUN_COUNTER(%r13), %eax
	incq	(%r12,%rax)
	movq	%r13, FRAME_RUN(%rsp)
	leaq	FRAME_REGS(%rsp), %rdi
	call	*RUN_FN(%r13)
	addq	$RUN_SIZE, %r13
	cmpq	$0, RUN_FN(%r13)
	jne	3b
	movq	$0, THREAD_HOLDER(%rbx)
	jmp	9f
8:	movq	%r13, %rdi
	movq	%rsp, %rsi
	call	bpftime_thread_enter
	testq	%rax, %rax
	jz	9f
	movq	%rax, %rbx
	movq	THREAD_COUNTERS(%rbx), %r12
	jmp	2b
9:
	.endm

	.macro FUNCTION name
	.p2align 6
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.endm

/* Entry of a probed function. [rsp] = return address into the stub. */
	FUNCTION bpftime_entry
	.cfi_startproc
	.cfi_def_cfa rsp, 16
	.cfi_offset rip, -8
	OPEN
	movq	FRAME_SITE(%rsp), %rax
	movq	STUB_RUNS(%rax), %r13
	movq	RUN_IP(%r13), %rax
	movq	%rax, REG(PT_RIP)
	leaq	FRAME_RA(%rsp), %rax
	movq	%rax, REG(PT_RSP)
	RUN
	CLOSE
	ret
	.cfi_endproc
	.size bpftime_entry, .-bpftime_entry

/* A `ret` of a probed function, tactic (c). As entry, but the program sees what
 * it would see behind the ret: ip = return address, sp = above it. */
	FUNCTION bpftime_return_site
	.cfi_startproc
	.cfi_def_cfa rsp, 16
	.cfi_offset rip, -8
	OPEN
	movq	FRAME_SITE(%rsp), %rax
	movq	STUB_RUNS(%rax), %r13
	movq	FRAME_RA(%rsp), %rax
	movq	%rax, REG(PT_RIP)
	leaq	FRAME_RA+8(%rsp), %rax
	movq	%rax, REG(PT_RSP)
	RUN
	CLOSE
	ret
	.cfi_endproc
	.size bpftime_return_site, .-bpftime_return_site

/* Return, tactic (a): the host's return address stays where it is and the body is
 * called below it. [rsp] = body, [rsp+8] = return address of the host. The body's
 * `ret` pairs with this call, ours with the host's. */
	FUNCTION bpftime_return
	.cfi_startproc
	.cfi_def_cfa rsp, 16
	.cfi_offset rip, -8
	call	*(%rsp)
bpftime_returned:
	OPEN
	movq	FRAME_SITE(%rsp), %rax
	movq	BODY_RUNS(%rax), %r13
	movq	FRAME_RA(%rsp), %rax
	movq	%rax, REG(PT_RIP)
	leaq	FRAME_RA+8(%rsp), %rax
	movq	%rax, REG(PT_RSP)
	RUN
	CLOSE
	leaq	8(%rsp), %rsp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size bpftime_return, .-bpftime_return

/* Return, tactic (b): the same for a function that is known to read \n words of
 * its caller's frame; they are copied below. \n is even, so that the body finds
 * the alignment it counts on. */
	.macro RETURN_COPY n
	FUNCTION bpftime_return_copy\n
	.cfi_startproc
	.cfi_def_cfa rsp, 16
	.cfi_offset rip, -8
	.rept	\n
	pushq	8*\n+8(%rsp)
	.cfi_adjust_cfa_offset 8
	.endr
	call	*8*\n(%rsp)
	leaq	8*\n(%rsp), %rsp
	.cfi_adjust_cfa_offset -8*\n
	jmp	bpftime_returned
	.cfi_endproc
	.size bpftime_return_copy\n, .-bpftime_return_copy\n
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
