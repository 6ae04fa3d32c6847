/* What a program at a system call is given. Its kind, a SYSCALL_* of abi.h, is in its
 * struct bpftime_run; contexts of all kinds take turns in one place, since programs run
 * one after the other and do not write there. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "native.h"

_Static_assert(FRAME_CALL_REGS == FRAME_REGS + SYSCALL_REGS && FRAME_CALL_SIZE == FRAME_CALL_REGS + PT_SIZE, "abi.h");

#define at(regs, reg) ((regs)[(reg) / 8])

/* The function that a system call's number leads to takes pt_regs, by its address. */
static HOT void wrapped(volatile u64 *ctx, const u64 *regs, u32 exit)
{
	for (u32 i = 0; i < PT_SIZE / 8; i++)
		ctx[i] = 0;
	at(ctx, PT_RDI) = (u64)regs;
	if (exit)
		at(ctx, PT_RAX) = at(regs, PT_RAX);
}

/* trace_event_raw_sys_enter, trace_event_raw_sys_exit */
static inline void tracepoint(volatile u64 *ctx, const u64 *regs, u32 exit)
{
	ctx[1] = (u64)(s64)(int)at(regs, PT_ORIG_RAX);
	if (exit) {
		ctx[2] = at(regs, PT_RAX);
		return;
	}
	ctx[2] = at(regs, PT_RDI);
	ctx[3] = at(regs, PT_RSI);
	ctx[4] = at(regs, PT_RDX);
	ctx[5] = at(regs, PT_R10);
	ctx[6] = at(regs, PT_R8);
	ctx[7] = at(regs, PT_R9);
}

HOT void bpftime_call_context(u32 kind, u64 frame)
{
	volatile u64 *ctx = (volatile u64 *)(frame + FRAME_REGS);
	const u64 *regs = (const u64 *)(frame + FRAME_CALL_REGS);
	u32 exit = kind & SYSCALL_EXIT;

	if (kind >= SYSCALL_KSYSCALL) {
		wrapped(ctx, regs, exit);
		return;
	}
	ctx[0] = (u64)regs;
	if (kind >= SYSCALL_TRACEPOINT)
		tracepoint(ctx, regs, exit);
	else
		ctx[1] = exit ? at(regs, PT_RAX) : (u64)(s64)(int)at(regs, PT_ORIG_RAX);
}
