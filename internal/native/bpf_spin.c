/* bpf_spin_lock and bpf_spin_unlock: a u32 in the value of a map, which threads and
 * processes share.
 *
 * The word is the owner's lease + 1, or says which process of user space it is (abi.h
 * LOCK_USER); 0: free. In the kernel an owner is not preempted;
 * here it is, and it may be stopped or killed, so a waiter lends its time to others,
 * and does not wait for ever (law 6):
 *
 *   its own lease    a program that was left in between, by longjmp or a signal: it goes on
 *   a dead process,
 *   a free lease     the lock is taken over at once
 *   somebody else    it is taken over after a second, and counted as a miss
 *
 * Who was robbed does not free what is another's by now. What a dead owner left is the
 * program's: half of an update, as with any lock.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "bpf.h"

#include <asm/unistd.h>

enum { LOOKS = 64, PATIENCE = 1000000000 };

#define cas(p, old, new) __atomic_compare_exchange_n(p, &(u32){old}, new, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)

static inline int is_no_process(u32 pid) { return bpftime_syscall(__NR_kill, pid, 0, 0, 0, 0) == -ESRCH_; }

/* Only who sees the same process ids can tell. */
static inline int is_gone(const struct session_proc *p)
{
	if (p->state != SLOT_LIVE || p->pidns != bpftime_resident.pidns_ino)
		return p->state != SLOT_LIVE;
	return is_no_process(p->pid);
}

static inline int is_user_gone(u32 owner)
{
	u32 ns = (u32)bpftime_resident.pidns_ino;

	return !((owner >> LOCK_NS ^ ns) & LOCK_NS_MASK) && is_no_process(owner & ((1u << LOCK_NS) - 1));
}

static inline int is_dead(u32 owner)
{
	struct session *s = bpftime_resident.session;
	u64 holder;

	if (owner & LOCK_USER)
		return is_user_gone(owner);
	holder = owner <= SESSION_NLEASES ? __atomic_load_n(&s->leases[owner - 1].owner, __ATOMIC_RELAXED) : 0;
	return !holder || (holder <= SESSION_NPROCS && is_gone(&s->procs[holder - 1]));
}

/* 1: it is mine now. */
static inline int take_over(u32 *lock, u32 owner, u32 mine, u64 until, u64 ctx)
{
	if (is_dead(owner))
		return cas(lock, owner, mine);
	if (bpftime_ktime_get_coarse_ns() < until || !cas(lock, owner, mine))
		return 0;
	__atomic_fetch_add(&bpftime_resident.session->links[run_of(ctx)->counter / 8].misses, 1, __ATOMIC_RELAXED);
	return 1;
}

static HOT void wait_for(u32 *lock, u32 mine, u64 ctx)
{
	u64 until = bpftime_ktime_get_coarse_ns() + PATIENCE;

	for (u32 looks = 1;; looks++) {
		u32 owner = __atomic_load_n(lock, __ATOMIC_RELAXED);

		if (owner == mine || (!owner && cas(lock, 0, mine)))
			return;
		if (!owner || looks % LOOKS)
			continue;
		if (take_over(lock, owner, mine, until, ctx))
			return;
		bpftime_syscall(__NR_sched_yield, 0, 0, 0, 0, 0);
	}
}

/* void bpf_spin_lock(struct bpf_spin_lock *lock) */
HOT u64 bpftime_spin_lock(BPF_ARGS)
{
	u32 *lock = (u32 *)r1, mine = thread_of(ctx)->lease + 1u;

	if (!likely(cas(lock, 0, mine)))
		wait_for(lock, mine, ctx);
	return 0;
}

/* void bpf_spin_unlock(struct bpf_spin_lock *lock) */
HOT u64 bpftime_spin_unlock(BPF_ARGS)
{
	cas((u32 *)r1, thread_of(ctx)->lease + 1u, 0);
	return 0;
}
