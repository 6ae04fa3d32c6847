/* Thunks for programs that write to pt_regs, as uprobes may since Linux 6.18. What stands
 * there when the last program has run is what the host goes on with: at an entry other
 * arguments, at a return another result, at an offset any register and flag. With another
 * ip control goes there, and what was displaced does not run.
 *
 * An ip alone takes the place of our return address, or the host's. With another rsp, or
 * DF set, nothing is left to return by: everything is loaded from pt_regs by one iretq,
 * which takes 45 ns and needs no word of the host's stack. (With rsp + 8 at an entry a
 * `ret $8` does: that is how a program returns for the function.)
 *
 * Nobody checks what programs write: it is their right, as in the kernel. What lies below
 * the host's rsp (at an offset below its red zone) is ours while a probe runs.
 */
#include "thunks.h"

	.macro WRITTEN_CLOSE drop
	RESTORE_WRITTEN
	leaq	FRAME_SIZE+\drop(%rsp), %rsp
	.cfi_adjust_cfa_offset -FRAME_SIZE-\drop
	.endm

/* rdx = where the host goes on: behind the thunk in the stub when ip is what it was. */
	.macro ENTRY_CLOSE
	.cfi_remember_state
	movq	REG(PT_RIP), %rdx
	FIND_RUNS %rax, FRAME_SITE(%rsp), STUB_RUNS
	cmpq	RUN_IP(%rax), %rdx
	cmoveq	FRAME_SITE(%rsp), %rdx
	cmpq	$FLAGS_DEAD, REG(PT_EFLAGS)
	jne	7f
	movq	REG(PT_RSP), %rcx
	leaq	FRAME_RA(%rsp), %rax
	subq	%rax, %rcx
	jnz	6f
	movq	%rdx, FRAME_SITE(%rsp)
	WRITTEN_CLOSE 0
	ret
	.cfi_restore_state
	.cfi_remember_state
6:	cmpq	$8, %rcx
	jne	7f
	movq	%rdx, FRAME_SITE(%rsp)
	WRITTEN_CLOSE 0
	ret	$8
	.cfi_restore_state
7:	jmp	bpftime_leave_to
	.endm

	.macro RETURN_CLOSE drop
	.cfi_remember_state
	cmpq	$FLAGS_DEAD, REG(PT_EFLAGS)
	jne	bpftime_leave
	leaq	FRAME_RA+8(%rsp), %rcx
	cmpq	%rcx, REG(PT_RSP)
	jne	bpftime_leave
	movq	REG(PT_RIP), %rcx
	movq	%rcx, FRAME_RA(%rsp)
	WRITTEN_CLOSE \drop
	ret
	.cfi_restore_state
	.endm

	THUNK bpftime_entry_write
	OPEN 1
	ENTRY_REGS
	RUN 1, FRAME_SITE(%rsp), STUB_RUNS, ENTRY_CLOSE
	END bpftime_entry_write

	THUNK bpftime_return_site_write
	OPEN 1
	RETURN_REGS
	RUN 1, FRAME_SITE(%rsp), STUB_RUNS, "RETURN_CLOSE 0"
	END bpftime_return_site_write

	THUNK bpftime_return_write
	call	*(%rsp)
	.globl	bpftime_return_write_behind
	.hidden	bpftime_return_write_behind
bpftime_return_write_behind:
	OPEN 1
	RETURN_REGS
	RUN 1, FRAME_SITE(%rsp), BODY_RUNS, "RETURN_CLOSE 8"
	END bpftime_return_write

	RETURN_COPIES bpftime_return_copy_write, bpftime_return_write_behind

/* CFI of bpftime_leave: all is in pt_regs, which lies \n bytes higher than in a frame. */
	.macro IN_FRAME n=0
	.cfi_escape DW_CFA_def_cfa_expression, 4, DW_OP_breg7, 0x80 | ((FRAME_REGS+PT_RSP+\n) & 0x7f), ((FRAME_REGS+PT_RSP+\n) >> 7) & 0x7f, DW_OP_deref
	AT_FRAME 0, FRAME_REGS+PT_RAX+\n
	AT_FRAME 1, FRAME_REGS+PT_RDX+\n
	AT_FRAME 2, FRAME_REGS+PT_RCX+\n
	AT_FRAME 3, FRAME_REGS+PT_RBX+\n
	AT_FRAME 4, FRAME_REGS+PT_RSI+\n
	AT_FRAME 5, FRAME_REGS+PT_RDI+\n
	AT_FRAME 6, FRAME_REGS+PT_RBP+\n
	AT_FRAME 8, FRAME_REGS+PT_R8+\n
	AT_FRAME 9, FRAME_REGS+PT_R9+\n
	AT_FRAME 10, FRAME_REGS+PT_R10+\n
	AT_FRAME 11, FRAME_REGS+PT_R11+\n
	AT_FRAME 12, FRAME_REGS+PT_R12+\n
	AT_FRAME 13, FRAME_REGS+PT_R13+\n
	AT_FRAME 14, FRAME_REGS+PT_R14+\n
	AT_FRAME 15, FRAME_REGS+PT_R15+\n
	AT_FRAME DW_RIP, FRAME_REGS+PT_ORIG_RAX+\n
	.endm

/* Jumped to with the frame open: leaves for what pt_regs says, but with rdx for ip in the
 * second case; to an unwinder it is at ip. What is not arithmetic in the flags is the
 * processor's, but DF may be set. pt_regs ends as iretq wants it. */
	FUNCTION bpftime_leave
	.cfi_startproc
	.cfi_signal_frame
	IN_FRAME
	AT_FRAME DW_RIP, FRAME_REGS+PT_RIP
	movq	REG(PT_RIP), %rdx
	.globl	bpftime_leave_to
	.hidden	bpftime_leave_to
bpftime_leave_to:
	movq	REG(PT_RIP), %rax
	movq	%rax, REG(PT_ORIG_RAX)
	IN_FRAME
	movq	%rdx, REG(PT_RIP)
	pushfq
	IN_FRAME 8
	popq	%rax
	IN_FRAME
	andl	$~FLAGS_ARITHMETIC, %eax
	movl	REG(PT_EFLAGS), %ecx
	andl	$FLAGS_ARITHMETIC + FLAGS_DF, %ecx
	orl	%ecx, %eax
	movq	%rax, REG(PT_EFLAGS)
	movq	$0x33, REG(PT_CS)
	movq	$0x2b, REG(PT_SS)
	RESTORE_WRITTEN
	leaq	REG(PT_RIP), %rsp
	.set	left, 0-FRAME_REGS-PT_RIP
	IN_FRAME left
	iretq
	.cfi_endproc
	.size bpftime_leave, .-bpftime_leave

	.section .note.GNU-stack,"",@progbits
