/* Loads and stores at addresses that may be anything: the host's memory as programs
 * read and write it. Where SIGSEGV and SIGBUS are ours (fault.c), a fault at an
 * instruction from bpftime_guarded_lo to bpftime_guarded_hi goes on at
 * bpftime_guarded_fixup, and at the load of bpftime_probe_read at its own. So there
 * nothing is pushed, and only registers that a call may change are used: the fixup
 * returns for whoever was interrupted.
 */
#include "abi.h"

	.macro	FUNCTION name
	.p2align 5
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.cfi_startproc
	.endm

	.macro	END name
	.cfi_endproc
	.size	\name, .-\name
	.endm

	.macro	LABEL name
	.globl	\name
	.hidden	\name
\name:
	.endm

	.section .bpftime_hot, "ax", @progbits

/* long bpf_probe_read(void *dst, u32 size, const void *unsafe_ptr), the sixth argument the context: eight bytes where it
 * may fault (is_guarded of bpf_read.c says the same), or else as C does it. */
FUNCTION bpftime_probe_read
	cmpl	$0, bpftime_resident+RESIDENT_GUARDED(%rip)
	je	1f
	cmpl	$8, %esi
	jne	1f
	movq	%fs:0, %rax
	addq	bpftime_self@gottpoff(%rip), %rax
	cmpq	%rax, FRAME_THREAD-FRAME_REGS(%r9)
	jne	1f
	testb	$BLOCKED_FAULTS, THREAD_BLOCKED(%rax)
	jnz	1f
LABEL bpftime_guarded_word
	movq	(%rdx), %rax
	movq	%rax, (%rdi)
	xorl	%eax, %eax
	ret
LABEL bpftime_guarded_word_fixup
	movq	$0, (%rdi)
	movq	$-14, %rax /* EFAULT */
	ret
1:	jmp	bpftime_read_any
END bpftime_probe_read

LABEL bpftime_guarded_lo

/* long bpftime_guarded_copy(void *to, const void *from, u64 n): 0, or -EFAULT with a part of it done */
FUNCTION bpftime_guarded_copy
	cmpq	$8, %rdx
	jb	2f
1:	movq	(%rsi), %rax
	movq	%rax, (%rdi)
	addq	$8, %rsi
	addq	$8, %rdi
	subq	$8, %rdx
	cmpq	$8, %rdx
	jae	1b
2:	testq	%rdx, %rdx
	jnz	3f
	xorl	%eax, %eax
	ret
3:	testb	$4, %dl
	jz	4f
	movl	(%rsi), %eax
	movl	%eax, (%rdi)
	addq	$4, %rsi
	addq	$4, %rdi
4:	testb	$2, %dl
	jz	5f
	movzwl	(%rsi), %eax
	movw	%ax, (%rdi)
	addq	$2, %rsi
	addq	$2, %rdi
5:	testb	$1, %dl
	jz	6f
	movzbl	(%rsi), %eax
	movb	%al, (%rdi)
6:	xorl	%eax, %eax
	ret
END bpftime_guarded_copy

/* long bpftime_guarded_text(char *to, const char *from, u64 n): the index of the NUL, which is copied too;
 * n when there is none in n bytes; or -EFAULT with a part of it done */
FUNCTION bpftime_guarded_text
	xorl	%eax, %eax
1:	cmpq	%rdx, %rax
	je	2f
	movzbl	(%rsi,%rax), %ecx
	movb	%cl, (%rdi,%rax)
	testl	%ecx, %ecx
	jz	2f
	incq	%rax
	jmp	1b
2:	ret
END bpftime_guarded_text

LABEL bpftime_guarded_hi

FUNCTION bpftime_guarded_fixup
	movq	$-14, %rax /* EFAULT */
	ret
END bpftime_guarded_fixup

	.section .note.GNU-stack,"",@progbits
