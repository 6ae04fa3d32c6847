/* Guarded reads: a bad address of a program's faults, and the fault is an error of its
 * helper. SIGSEGV and SIGBUS are ours for that, see signals.h; what is not a fault of
 * guarded.S is the host's.
 *
 * A helper relies on it only where the handler is surely ours (bpf_read.c asks): the
 * host does not believe the signals blocked, which is also what it believes in the
 * child of posix_spawn, whose handlers clone may have reset; and the thread runs on the
 * stack it is known by, not on an alternate one that may have no room for a second
 * frame. Elsewhere process_vm_readv is asked.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "signals.h"

extern const char bpftime_guarded_lo[] HIDDEN, bpftime_guarded_hi[] HIDDEN, bpftime_guarded_fixup[] HIDDEN;
extern const char bpftime_guarded_word[] HIDDEN, bpftime_guarded_word_fixup[] HIDDEN;

/* Where what faulted goes on; 0: it is not ours. */
static u64 fixup_of(u64 at)
{
	if (at == (u64)bpftime_guarded_word)
		return (u64)bpftime_guarded_word_fixup;
	if (at >= (u64)bpftime_guarded_lo && at < (u64)bpftime_guarded_hi)
		return (u64)bpftime_guarded_fixup;
	return 0;
}

static int ours(struct info *info, struct context *c)
{
	u64 fixup = info->code > 0 ? fixup_of(c->rip) : 0;

	if (!fixup)
		return 0;
	c->rip = fixup;
	return 1;
}

/* 0, or -errno: then neither is ours. */
long bpftime_reads_own(void)
{
	long r;

	if (bpftime_resident.guarded)
		return 0;
	r = bpftime_signal_own(SIGSEGV_, ours);
	if (!r) {
		r = bpftime_signal_own(SIGBUS_, ours);
		if (r)
			bpftime_signal_disown(SIGSEGV_);
	}
	bpftime_resident.guarded = !r;
	return r;
}

void bpftime_reads_disown(void)
{
	bpftime_resident.guarded = 0;
	bpftime_signal_disown(SIGSEGV_);
	bpftime_signal_disown(SIGBUS_);
}
