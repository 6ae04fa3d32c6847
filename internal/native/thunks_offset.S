/* Thunks for an instruction inside a function. Everything is live there: flags, the
 * 128 bytes below rsp, every register, and rsp is aligned to nothing. The stub is
 *
 *     .quad runs
 *     lea   -128(%rsp), %rsp      over the red zone
 *     call  *offset(%rip)         -> bpftime_offset, comes back here with rsp put back
 *     <displaced instructions>
 *     jmp   site+n
 *
 * The way there and back changes no flag before it is saved, and none after: lea, mov,
 * push, pop. Flags are kept by lahf and seto, since popfq costs more than all else here
 * (DF is never changed: nothing that runs in between has a string instruction). `ret
 * $128` takes the return address and the red zone's length off at once.
 *
 * rbp holds on to the host's stack while rsp is aligned:
 *
 *     rbp+144   the host's rsp
 *     rbp+16    its red zone
 *     rbp+8     return address into the stub
 *     rbp+0     the host's rbp
 *     rbp-8     the host's rax
 *     …
 *     rsp       frame
 *
 * To an unwinder this is a signal frame: its caller is the probed function, at the
 * probed instruction, with all registers as they are in pt_regs.
 */
#include "thunks.h"

#define RED_ZONE 128
#define HOST_RSP 144 /* RED_ZONE + 16, as CFI wants it: it may be negated */

/* The frame of a leaf thunk, from rsp upwards. */
#define OFFSET_LEAF_FLAGS 32
#define OFFSET_LEAF_SIZE 40

/* CFI: ip is that of the list of runs; n(register) is the return address into the stub. */
	.macro IP_OF_STUB breg, n
	.cfi_escape DW_CFA_val_expression, DW_RIP, 11, \breg, 0x80 | ((\n) & 0x7f), (\n) >> 7, \
		DW_OP_deref, DW_OP_const1s, OFFSET_RUNS & 0xff, DW_OP_plus, DW_OP_deref, DW_OP_plus_uconst, RUN_IP, DW_OP_deref
	.endm

	.macro OFFSET_THUNK name
	FUNCTION \name
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa rsp, RED_ZONE+8
	IP_OF_STUB DW_OP_breg7, 0
	.endm

	.macro OFFSET_OPEN
	pushq	%rbp
	.cfi_def_cfa_offset HOST_RSP
	.cfi_offset rbp, -HOST_RSP
	IP_OF_STUB DW_OP_breg7, 8
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	IP_OF_STUB DW_OP_breg6, 8
	pushq	%rax
	.cfi_offset rax, -HOST_RSP-8
	lahf
	seto	%al
	andq	$-16, %rsp
	leaq	-FRAME_SIZE(%rsp), %rsp
	movq	%rax, FRAME_FLAGS(%rsp)
	SAVE
	AT_FRAME 1, FRAME_REGS+PT_RDX
	AT_FRAME 2, FRAME_REGS+PT_RCX
	AT_FRAME 4, FRAME_REGS+PT_RSI
	AT_FRAME 5, FRAME_REGS+PT_RDI
	AT_FRAME 8, FRAME_REGS+PT_R8
	AT_FRAME 9, FRAME_REGS+PT_R9
	AT_FRAME 10, FRAME_REGS+PT_R10
	AT_FRAME 11, FRAME_REGS+PT_R11
	movzbl	%ah, %ecx
	movzbl	%al, %eax
	shll	$11, %eax
	leal	0x200(%rax,%rcx), %eax
	movq	%rax, REG(PT_EFLAGS)
	movq	-8(%rbp), %rax
	movq	%rax, REG(PT_RAX)
	movq	0(%rbp), %rax
	movq	%rax, REG(PT_RBP)
	leaq	HOST_RSP(%rbp), %rax
	movq	%rax, REG(PT_RSP)
	FIND_RUNS %rax, 8(%rbp), OFFSET_RUNS
	movq	RUN_IP(%rax), %rax
	movq	%rax, REG(PT_RIP)
	.endm

/* Flags from what lahf and seto left in rax. */
	.macro PUT_FLAGS
	addb	$0x7f, %al
	sahf
	.endm

/* The end, with registers put back. Where the return address is still into the stub, it
 * says ip; else that is where rax was. */
	.macro OFFSET_RETURN stub
	movq	%rbp, %rsp
	.irp	number, 0, 1, 2, 4, 5, 8, 9, 10, 11
	.cfi_restore \number
	.endr
	popq	%rbp
	.cfi_def_cfa rsp, RED_ZONE+8
	.cfi_restore rbp
	.if	\stub
	IP_OF_STUB DW_OP_breg7, 0
	.endif
	ret	$RED_ZONE
	.endm

	.macro OFFSET_CLOSE
	.cfi_remember_state
	movq	FRAME_FLAGS(%rsp), %rax
	PUT_FLAGS
	RESTORE
	OFFSET_RETURN 1
	.cfi_restore_state
	.endm

	OFFSET_THUNK bpftime_offset
	OFFSET_OPEN
	RUN 1, 8(%rbp), OFFSET_RUNS, OFFSET_CLOSE
	END bpftime_offset

/* For programs that write to pt_regs: see thunks_write.S. */
	.macro OFFSET_CLOSE_WRITE
	.cfi_remember_state
	AT_FRAME DW_RIP, FRAME_REGS+PT_RIP
	movq	REG(PT_RIP), %rdx
	FIND_RUNS %rax, 8(%rbp), OFFSET_RUNS
	cmpq	RUN_IP(%rax), %rdx
	cmoveq	8(%rbp), %rdx
	leaq	HOST_RSP(%rbp), %rcx
	cmpq	%rcx, REG(PT_RSP)
	jne	7f
	testb	$FLAGS_DF >> 8, REG(PT_EFLAGS+1)
	jnz	7f
	movq	%rdx, 8(%rbp)
	movq	REG(PT_RIP), %rax
	AT_FRAME 0, FRAME_REGS+PT_RAX
	movq	%rax, -8(%rbp)
	movq	REG(PT_RBP), %rax
	movq	%rax, 0(%rbp)
	movb	REG(PT_EFLAGS+1), %al
	shrb	$3, %al
	andb	$1, %al
	movb	REG(PT_EFLAGS), %ah
	PUT_FLAGS
	RESTORE_WRITTEN 0
	.cfi_offset rip, -HOST_RSP-8
	OFFSET_RETURN 0
	.cfi_restore_state
7:	jmp	bpftime_leave_to
	.endm

	OFFSET_THUNK bpftime_offset_write
	OFFSET_OPEN
	RUN 1, 8(%rbp), OFFSET_RUNS, OFFSET_CLOSE_WRITE
	END bpftime_offset_write

/* For leaf programs: they do not care how the stack is aligned. */
	.macro OFFSET_CLOSE_LEAF
	.cfi_remember_state
	movq	OFFSET_LEAF_FLAGS(%rsp), %rax
	PUT_FLAGS
	movq	LEAF_RCX(%rsp), %rcx
	movq	LEAF_RAX(%rsp), %rax
	leaq	OFFSET_LEAF_SIZE(%rsp), %rsp
	.cfi_def_cfa_offset RED_ZONE+8
	IP_OF_STUB DW_OP_breg7, 0
	ret	$RED_ZONE
	.cfi_restore_state
	.endm

	.macro IP_BELOW
	IP_OF_STUB DW_OP_breg7, OFFSET_LEAF_SIZE+64
	.endm
	.macro IP_BACK
	IP_OF_STUB DW_OP_breg7, OFFSET_LEAF_SIZE
	.endm

	OFFSET_THUNK bpftime_offset_leaf
	leaq	-OFFSET_LEAF_SIZE(%rsp), %rsp
	.cfi_adjust_cfa_offset OFFSET_LEAF_SIZE
	IP_OF_STUB DW_OP_breg7, OFFSET_LEAF_SIZE
	movq	%rax, LEAF_RAX(%rsp)
	movq	%rcx, LEAF_RCX(%rsp)
	lahf
	seto	%al
	movq	%rax, OFFSET_LEAF_FLAGS(%rsp)
	RUN 0, OFFSET_LEAF_SIZE(%rsp), OFFSET_RUNS, OFFSET_CLOSE_LEAF, IP_BELOW, IP_BACK
	END bpftime_offset_leaf

	.section .note.GNU-stack,"",@progbits
