/* Rewritten system calls that touch signals of ours (signal_calls.c), and the way back
 * from our handler.
 *
 * A stub near the site (syscallhook) is
 *
 *     mov   $nr,%eax              as it stood before the `syscall`
 *     lea   -128(%rsp),%rsp       past the red zone
 *     call  *guard(%rip)          -> bpftime_syscall_guard
 *     lea   128(%rsp),%rsp
 *     lea   site+n(%rip),%rcx     as the kernel leaves it
 *     <displaced instructions>
 *     jmp   site+n
 *
 * or, where the number is not known at the site, the same behind
 *
 *     lea   -13(%rax),%ecx; jrcxz 1f; … ; syscall; jmp 2f
 *
 * which touches no flag and no stack: clone and vfork go through there.
 *
 * As the kernel, the thunk preserves everything but rax, rcx and r11, which holds the
 * flags afterwards.
 */
#include "abi.h"

	.text

	.p2align 6
	.globl	bpftime_syscall_guard
	.hidden	bpftime_syscall_guard
	.type	bpftime_syscall_guard, @function
bpftime_syscall_guard:
	.cfi_startproc
	.cfi_def_cfa rsp, 8+8+128 /* the host's stack where the site is */
	.cfi_offset rip, -8-8-128+8
	pushfq
	pushq	%r9
	pushq	%r8
	pushq	%r10
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rax
	.cfi_adjust_cfa_offset 64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	leaq	8(%rsp), %rdi /* struct syscall_regs */
	andq	$-16, %rsp
	cld
	call	bpftime_signal_call
	movq	%rbp, %rsp
	.cfi_def_cfa_register rsp
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	leaq	8(%rsp), %rsp /* rax has the result */
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%r10
	popq	%r8
	popq	%r9
	.cfi_adjust_cfa_offset -56
	movq	(%rsp), %r11
	pushq	%rax
	.cfi_adjust_cfa_offset 8
	movl	8(%rsp), %eax /* the flags again: OF is bit 11, the low byte is sahf's */
	shrl	$11, %eax
	andl	$1, %eax
	addb	$0x7f, %al
	movb	8(%rsp), %ah
	sahf
	popq	%rax
	leaq	8(%rsp), %rsp
	.cfi_adjust_cfa_offset -16
	ret
	.cfi_endproc
	.size bpftime_syscall_guard, .-bpftime_syscall_guard

/* Unwinders know a signal's frame by these very bytes at its return address. */
	.p2align 4
	nop
	.globl	bpftime_signal_restorer
	.hidden	bpftime_signal_restorer
	.type	bpftime_signal_restorer, @function
bpftime_signal_restorer:
	movq	$15, %rax /* rt_sigreturn */
	syscall
	.size bpftime_signal_restorer, .-bpftime_signal_restorer

/* Where a site that is not rewritten goes on (dispatch.c), with registers as the kernel
 * leaves them: rcx is ip. What a stub would do (thunks_syscall.S) is done here. */
	.p2align 6
	.globl	bpftime_syscall_dispatched
	.hidden	bpftime_syscall_dispatched
	.type	bpftime_syscall_dispatched, @function
bpftime_syscall_dispatched:
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa rsp, 0
	.cfi_register rip, rcx
	leaq	-128(%rsp), %rsp
	.cfi_adjust_cfa_offset 128
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	.cfi_offset rip, -136
	leaq	1f(%rip), %rcx
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	movq	bpftime_dispatch_site(%rip), %rcx
	jmp	bpftime_syscall_any
1:	.cfi_register rip, rcx
	leaq	144(%rsp), %rsp
	.cfi_def_cfa rsp, 0
	jmp	*%rcx
	.cfi_endproc
	.size bpftime_syscall_dispatched, .-bpftime_syscall_dispatched

	.section .note.GNU-stack,"",@progbits
