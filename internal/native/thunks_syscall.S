/* Thunks for system calls that programs see, or that touch signals of ours. The stub
 * (syscallhook) is
 *
 *     <what stands before the syscall>
 *     lea   site(%rip), %rcx      struct bpftime_call_site
 *     lea   -128(%rsp), %rsp      over the red zone
 *     push  (%rcx)                ip, behind the instruction
 *     push  32(%rcx)              back
 *     jmp   *known(%rip)          -> bpftime_syscall_known, which makes the call
 *  back: lea 144(%rsp), %rsp
 *     <what stands behind it>
 *     jmp   behind
 *
 * The kernel leaves nothing of what the CPU knew of return addresses, so a `ret` behind a
 * system call costs 6 ns, and the thunk jumps back: 1.
 *
 * As the kernel, the thunk preserves everything but rax, rcx, which is ip afterwards, and
 * r11, which is the flags. Flags are kept as in thunks_offset.S; but for DF they are in
 * pt_regs, and the `syscall` here is made under all of them.
 *
 * The call is made here, not in the stub, since a thread may sleep in it and be
 * cancelled, or be asked for its stack: to an unwinder this is a signal frame at ip,
 * with the host's registers. Between the programs before and behind nothing is held:
 * a handler may leave by longjmp, make calls of its own, or have the call restarted,
 * which makes the kernel go back to the `syscall` here, its number in rax.
 *
 *     rbp+152   the host's rsp
 *     rbp+24    its red zone
 *     rbp+16    ip
 *     rbp+8     return address into the stub
 *     rbp+0     the host's rbp
 *     …
 *     rsp       frame, see abi.h
 *
 * What comes back twice, on another stack or on one that is not its own (clone, vfork), may
 * have no frame here meanwhile, so the stub makes that call, between two thunks:
 *
 *     lea   site(%rip), %rcx ; lea -128(%rsp), %rsp ; push (%rcx) ; call *enter(%rip)
 *     syscall
 *     mov   %rax, %rcx ; jrcxz 1f   the child
 *     … call *exit(%rip)
 *  1: lea   ip(%rip), %rcx
 */
#include "thunks.h"

#define STUB_WORDS 136 /* the red zone and ip */
#define HOST_RSP 152 /* from rbp */
#define SITE_IP 16
#define NO_RESULT (-38) /* -ENOSYS: rax as the kernel shows it before the call */
#define CALL_REG(r) FRAME_CALL_REGS+r(%rsp)

	.macro CALL_THUNK name
	FUNCTION \name
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa rsp, STUB_WORDS+8
	.cfi_offset rip, -STUB_WORDS
	.endm

	.macro CALL_FRAME rax
	pushq	%rbp
	.cfi_def_cfa_offset STUB_WORDS+16
	.cfi_offset rbp, -STUB_WORDS-16
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	pushq	\rax
	.endm

	.macro TAKE_FLAGS
	lahf
	seto	%al
	.endm

/* Fills pt_regs of the call, but for its number, its result and r11, which is left alone as
 * rcx is. ax has the flags, -8(%rbp) has rax. */
	.macro CALL_FILL
	andq	$-16, %rsp
	leaq	-FRAME_CALL_SIZE(%rsp), %rsp
	movq	%rdi, CALL_REG(PT_RDI)
	movq	%rsi, CALL_REG(PT_RSI)
	movq	%rdx, CALL_REG(PT_RDX)
	movq	%r10, CALL_REG(PT_R10)
	movq	%r8, CALL_REG(PT_R8)
	movq	%r9, CALL_REG(PT_R9)
	movq	%rbx, CALL_REG(PT_RBX)
	movq	%r12, CALL_REG(PT_R12)
	movq	%r13, CALL_REG(PT_R13)
	movq	%r14, CALL_REG(PT_R14)
	movq	%r15, CALL_REG(PT_R15)
	movzbl	%ah, %edx
	movzbl	%al, %eax
	shll	$11, %eax
	leal	0x200(%rax,%rdx), %edx
	movq	%rdx, CALL_REG(PT_EFLAGS)
	movq	0(%rbp), %rax
	movq	%rax, CALL_REG(PT_RBP)
	leaq	HOST_RSP(%rbp), %rax
	movq	%rax, CALL_REG(PT_RSP)
	movq	SITE_IP(%rbp), %rax
	movq	%rax, CALL_REG(PT_RIP)
	movq	%rax, CALL_REG(PT_RCX)
	movq	$0x33, CALL_REG(PT_CS)
	movq	$0x2b, CALL_REG(PT_SS)
	.endm

/* Before the call: rcx is the struct bpftime_calls, which -8(%rbp) has afterwards. rdx is
 * the flags. */
	.macro CALL_BEFORE
	movq	-8(%rbp), %rax
	movq	%rax, CALL_REG(PT_ORIG_RAX)
	movq	$NO_RESULT, CALL_REG(PT_RAX)
	movq	%rdx, CALL_REG(PT_R11)
	movq	%rcx, -8(%rbp)
	CONTEXT_BEFORE
	.endm

/* Puts back what programs may have changed by running, and the flags; rax from \rax. */
	.macro CALL_RESTORE rax
	movl	CALL_REG(PT_EFLAGS), %eax
	shrl	$11, %eax
	andl	$1, %eax
	addb	$0x7f, %al
	movb	CALL_REG(PT_EFLAGS), %ah
	sahf
	movq	CALL_REG(PT_R11), %r11
	movq	CALL_REG(PT_R10), %r10
	movq	CALL_REG(PT_R9), %r9
	movq	CALL_REG(PT_R8), %r8
	movq	CALL_REG(PT_RDX), %rdx
	movq	CALL_REG(PT_RSI), %rsi
	movq	CALL_REG(PT_RDI), %rdi
	movq	CALL_REG(\rax), %rax
	.endm

	.macro CALL_CLOSE
	leave
	.cfi_def_cfa rsp, STUB_WORDS+8
	.cfi_restore rbp
	movq	8(%rsp), %rcx
	.endm

/* To a stub that has called. */
	.macro CALL_RETURN
	.cfi_remember_state
	CALL_CLOSE
	ret	$STUB_WORDS
	.cfi_restore_state
	.endm

/* To one that has jumped here. */
	.macro CALL_BACK
	.cfi_remember_state
	CALL_CLOSE
	jmp	*(%rsp)
	.cfi_restore_state
	.endm

#define CONTEXT(n) FRAME_REGS+8*n(%rsp)

/* The context of programs of tracepoints, before the call. It stays as it is while they run;
 * bpftime_call_context makes those of other kinds, whose programs come later. */
	.macro CONTEXT_BEFORE
	leaq	FRAME_CALL_REGS(%rsp), %rdx
	movslq	%eax, %rax
	movq	%rdx, CONTEXT(0)
	movq	%rax, CONTEXT(1)
	movq	%rdi, CONTEXT(2)
	movq	%rsi, CONTEXT(3)
	movq	CALL_REG(PT_RDX), %rdx
	movq	%rdx, CONTEXT(4)
	movq	%r10, CONTEXT(5)
	movq	%r8, CONTEXT(6)
	movq	%r9, CONTEXT(7)
	.endm

/* And behind it: the number is in the word where others have the result. edi: the kind. */
	.macro CONTEXT_BEHIND
	leaq	FRAME_CALL_REGS(%rsp), %rax
	movq	CALL_REG(PT_RAX), %rsi
	movslq	CALL_REG(PT_ORIG_RAX), %rdx
	movq	%rax, CONTEXT(0)
	movq	%rsi, CONTEXT(2)
	cmpl	$SYSCALL_TRACEPOINT, %edi
	cmovbq	%rsi, %rdx
	movq	%rdx, CONTEXT(1)
	.endm

/* Runs the list in rcx, as RUN does. What is rare stands in RARELY of the same tag. */
	.macro RUN_CALLS tag, behind
	movq	bpftime_self@gottpoff(%rip), %rax
	addq	%fs:0, %rax
	movq	%rsp, %rdx
	subq	THREAD_STACK(%rax), %rdx
	subq	bpftime_private+PRIVATE_ORIGIN(%rip), %rdx
	cmpq	$THREAD_WINDOW, %rdx
	jae	.Lrare_\tag
	cmpq	$0, THREAD_HOLDER(%rax)
	jne	.Lrare_\tag
.Lhold_\tag:
	movq	%rsp, THREAD_HOLDER(%rax)
	movq	%rax, FRAME_THREAD(%rsp)
.Lnext_\tag:
	movq	%rcx, FRAME_RUN(%rsp)
	movq	THREAD_COUNTERS(%rax), %rax
	movl	RUN_COUNTER(%rcx), %edx
	incq	(%rax,%rdx)
	movl	RUN_SESSION(%rcx), %edi
	cmpl	$SYSCALL_KSYSCALL, %edi
	jae	.Lother_\tag
	.if	\behind
	CONTEXT_BEHIND
	.endif
.Lrun_\tag:
	leaq	FRAME_REGS(%rsp), %rdi
	call	*RUN_FN(%rcx)
	movq	FRAME_RUN(%rsp), %rcx
	movq	FRAME_THREAD(%rsp), %rax
	addq	$RUN_SIZE, %rcx
	cmpq	$0, RUN_FN(%rcx)
	jne	.Lnext_\tag
	movq	$0, THREAD_HOLDER(%rax)
.Ldone_\tag:
	.endm

	.macro RARELY tag
.Lother_\tag:
	movq	%rsp, %rsi
	call	bpftime_call_context
	movq	FRAME_RUN(%rsp), %rcx
	jmp	.Lrun_\tag
.Lrare_\tag:
	movq	%rcx, %rdi
	movq	%rsp, %rsi
	movq	%rcx, FRAME_RUN(%rsp)
	call	bpftime_thread_enter
	movq	FRAME_RUN(%rsp), %rcx
	testq	%rax, %rax
	jnz	.Lhold_\tag
	jmp	.Ldone_\tag
	.endm

/* The number is not known at the site. Where there is nothing for it the call is made at
 * once; else rcx becomes its struct bpftime_calls. */
	CALL_THUNK bpftime_syscall_any
	movq	%rax, %r11
	TAKE_FLAGS
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	movl	%r11d, %edx
	cmpl	$SYSCALL_NUMBERS, %edx
	jae	2f
3:	addq	%rdx, %rdx
	addq	CALL_SITE_INDEX(%rcx), %rdx
	movzwl	(%rdx), %edx
	testl	%edx, %edx
	jnz	1f
	addb	$0x7f, %al
	sahf
	movq	%r11, %rax
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	syscall
	movq	8(%rsp), %rcx
	jmp	*(%rsp)
	.cfi_adjust_cfa_offset 8
1:	.cfi_remember_state
	shlq	$CALLS_SIZE_SHIFT, %rdx
	addq	CALL_SITE_CALLS(%rcx), %rdx
	movq	%rdx, %rcx
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	CALL_FRAME %r11
	jmp	bpftime_syscall_made
	.cfi_restore_state
2:	movl	$SYSCALL_NUMBERS, %edx
	jmp	3b
	END bpftime_syscall_any

	CALL_THUNK bpftime_syscall_known
	movq	CALL_SITE_CALLS(%rcx), %rcx
	CALL_FRAME %rax
	TAKE_FLAGS
bpftime_syscall_made: /* with flags and rax in their places */
	CALL_FILL
	CALL_BEFORE
	movq	CALLS_ENTER(%rcx), %rcx
	testq	%rcx, %rcx
	jz	1f
	RUN_CALLS before, 0
1:	movq	-8(%rbp), %rcx
	cmpq	$0, CALLS_GUARD(%rcx)
	movq	CALLS_EXIT(%rcx), %rcx /* never changes; read behind the call it is a line that the kernel has driven out */
	movq	%rcx, -8(%rbp)
	jne	5f
	CALL_RESTORE PT_ORIG_RAX
	syscall
2:	movq	-8(%rbp), %rcx
	jrcxz	3f
	jmp	4f
3:	CALL_BACK
4:	movq	%rax, CALL_REG(PT_RAX)
	movq	%r11, CALL_REG(PT_R11)
	movq	%r11, CALL_REG(PT_EFLAGS)
	RUN_CALLS behind, 1
	CALL_RESTORE PT_RAX
	CALL_BACK
5:	movq	%rsp, %rsi /* signals.h makes it, for a struct syscall_regs */
	leaq	FRAME_REGS(%rsp), %rdi
	call	bpftime_call_guarded
	movq	%rax, CALL_REG(PT_RAX)
	CALL_RESTORE PT_RAX
	jmp	2b
	RARELY before
	RARELY behind
	END bpftime_syscall_known

/* Before a call that the stub makes. */
	CALL_THUNK bpftime_syscall_enter
	movq	CALL_SITE_CALLS(%rcx), %rcx
	CALL_FRAME %rax
	TAKE_FLAGS
	CALL_FILL
	CALL_BEFORE
	movq	CALLS_ENTER(%rcx), %rcx
	testq	%rcx, %rcx
	jz	1f
	RUN_CALLS enter, 0
1:	CALL_RESTORE PT_ORIG_RAX
	CALL_RETURN
	RARELY enter
	END bpftime_syscall_enter

/* Behind it: rax is the result, r11 the flags. */
	CALL_THUNK bpftime_syscall_exit
	CALL_FRAME %rax
	TAKE_FLAGS
	CALL_FILL
	movq	%r11, CALL_REG(PT_R11)
	movq	-8(%rbp), %rax
	movq	%rax, CALL_REG(PT_RAX)
	movq	CALL_SITE_NUMBER(%rcx), %rax
	movq	%rax, CALL_REG(PT_ORIG_RAX)
	movq	CALL_SITE_CALLS(%rcx), %rcx
	movq	CALLS_EXIT(%rcx), %rcx
	testq	%rcx, %rcx
	jz	1f
	RUN_CALLS exit, 1
1:	cmpq	$0, bpftime_dispatch_site(%rip)
	jne	3f
2:	CALL_RESTORE PT_RAX
	CALL_RETURN
3:	call	bpftime_dispatch_thread
	jmp	2b
	RARELY exit
	END bpftime_syscall_exit

/* In a child that it made, where system calls of other sites are dispatched: rax is 0. */
	CALL_THUNK bpftime_syscall_child
	CALL_FRAME %rax
	TAKE_FLAGS
	CALL_FILL
	movq	%r11, CALL_REG(PT_R11)
	movq	-8(%rbp), %rax
	movq	%rax, CALL_REG(PT_RAX)
	call	bpftime_dispatch_thread
	CALL_RESTORE PT_RAX
	CALL_RETURN
	END bpftime_syscall_child

	.section .note.GNU-stack,"",@progbits
