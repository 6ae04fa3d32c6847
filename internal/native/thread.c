/* The rare side of a hit: a thread's first one, a forked child's first one, a hit
 * while a program of ours runs on the thread, a hit on another stack.
 *
 * A *lease* is an index into everything of a session that is kept once per lease:
 * its holder alone writes there, so plain increments are exact. Leases are taken
 * without a system call, since a seccomp filter may kill for one.
 *
 *   kept      by a *thread entry*, which belongs to a thread: it is found by its fs
 *             base, which no two live threads of a process share. Never given back:
 *             a later thread with the same fs base finds the entry, and the leases
 *             of a dead process are taken back by the next process that starts in
 *             the session (preload/session.c).
 *   borrowed  for one hit, by whoever has none to keep: when there are more threads
 *             than leases to keep, or more children were forked than the session
 *             has slots for; in a signal handler that interrupts a program of ours;
 *             and on a stack that the thread's lease is not for. It costs two locked
 *             instructions. Who is killed in between leaves it taken; after a second
 *             of that, and when none is free, the next borrower has it.
 *
 * fork() wipes the entries, so a child takes a lease of its own. A vfork child
 * shares entry and lease with the parent, which is suspended. A CLONE_VM task with
 * its parent's TLS shares the entry too, but runs beside the parent: the stack
 * tells them apart. An entry is for a range of addresses, which grows as its thread
 * is met close by. A thread that switches stacks borrows where that is not enough.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "native.h"

struct bpftime_resident bpftime_resident;
void (*bpftime_dl_state)(void);
__thread struct bpftime_thread *bpftime_self HIDDEN __attribute__((tls_model("initial-exec")));

/* What lies within this distance is taken for the same stack. */
#define NEAR (256ul << 10)

/* Below the main thread's stack the kernel keeps at least 128 MiB free for it. */
#define MAIN_STACK_BELOW (64ul << 20)
#define MAIN_STACK_ABOVE (8ul << 20)

#define BORROWED (1ul << 63)
#define STALE_TICKS 256 /* 1.4 s at 3 GHz */

#define cas(p, old, new) __atomic_compare_exchange_n(p, &(__typeof__(*(p))){old}, new, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)

static inline u64 fs_base(void)
{
	u64 v;
	__asm__("movq %%fs:0, %0" : "=r"(v));
	return v;
}

static HOT u32 spread(u64 v)
{
	return (u32)((v >> 6) * 0x9e3779b97f4a7c15u >> 40);
}

static HOT void miss(struct bpftime_run *runs)
{
	for (; runs->fn; runs++)
		__atomic_fetch_add(&runs->link->misses, 1, __ATOMIC_RELAXED);
}

static HOT void copy(char *to, const char *from, u32 n)
{
	while (n--)
		to[n] = from[n];
}

/* A forked child's slot. The pid is what the libc noted for its own use. */
static HOT void describe_child(struct session_proc *p, u64 fs)
{
	struct bpftime_resident *r = &bpftime_resident;
	struct session_proc *parent = &r->session->procs[r->proc - 1];

	p->pid = r->tid_offset ? *(volatile u32 *)(fs + r->tid_offset) : 0;
	p->start = 0;
	p->pidns = parent->pidns;
	p->uid = parent->uid;
	p->flags = PROC_FORKED;
	copy(p->comm, parent->comm, sizeof p->comm);
	copy(p->exe, parent->exe, sizeof p->exe);
}

static HOT u32 claim_proc(u64 fs)
{
	struct session_proc *procs = bpftime_resident.session->procs;
	u32 *mine = &bpftime_resident.priv->proc;

	for (u32 i = 0; i < SESSION_NPROCS; i++) {
		if (procs[i].state != SLOT_FREE || !cas(&procs[i].state, SLOT_FREE, SLOT_CLAIMED))
			continue;
		describe_child(&procs[i], fs);
		if (!cas(mine, 0, i + 1)) { /* another thread was first */
			__atomic_store_n(&procs[i].state, SLOT_FREE, __ATOMIC_RELEASE);
			return *mine;
		}
		__atomic_store_n(&procs[i].state, SLOT_LIVE, __ATOMIC_RELEASE);
		return i + 1;
	}
	return 0;
}

static HOT struct bpftime_thread *claim_entry(struct bpftime_thread *t, u64 fs)
{
	struct bpftime_thread *table = bpftime_resident.threads;
	u32 at = spread(fs);

	if (t && (t->owner == fs || cas(&t->owner, 0, fs)))
		return t; /* its own, wiped by fork */
	for (u32 i = 0; i < BPFTIME_NTHREADS; i++) {
		t = &table[(at + i) % BPFTIME_NTHREADS];
		if (t->owner == fs || cas(&t->owner, 0, fs))
			return t;
	}
	return 0;
}

static HOT int take_lease(struct bpftime_thread *t, u64 fs)
{
	struct session *s = bpftime_resident.session;
	u32 proc = __atomic_load_n(&bpftime_resident.priv->proc, __ATOMIC_RELAXED);
	u32 at = spread(fs ^ (u64)proc << 32);

	if (t->counters)
		return 1; /* left by a thread that had this fs base */
	if (!proc)
		proc = claim_proc(fs);
	if (!proc)
		return 0;
	for (u32 i = 0; i < SESSION_NKEPT; i++) {
		u32 n = (at + i) % SESSION_NKEPT;

		if (s->leases[n].owner || !cas(&s->leases[n].owner, 0, (u64)proc))
			continue;
		t->lease = n;
		t->counters = (u64)s->counters[n];
		return 1;
	}
	return 0;
}

static HOT void set_stack(struct bpftime_thread *t, u64 lo, u64 hi)
{
	t->stack = lo;
	t->stack_size = hi - lo;
}

static HOT struct bpftime_thread *first_hit(u64 frame)
{
	u64 fs = fs_base();
	struct bpftime_thread *t = claim_entry(bpftime_self, fs);

	if (!t || !take_lease(t, fs))
		return 0;
	set_stack(t, frame - NEAR, frame + NEAR);
	bpftime_self = t;
	return t;
}

/* May the thread use its own lease here? When it has none it takes one. */
static HOT struct bpftime_thread *keep(u64 frame)
{
	struct bpftime_thread *t = bpftime_self;
	u64 lo, hi;

	if (!t || !t->stack_size)
		return first_hit(frame);
	lo = t->stack;
	hi = lo + t->stack_size;
	if (frame - lo < hi - lo) /* so a program runs; or ran, in a handler that longjmp has left: its frame is gone when we are above it */
		return frame >= t->holder ? t : 0;
	if (t->holder || frame - (lo - NEAR) >= hi - lo + 2 * NEAR)
		return 0;
	set_stack(t, frame < lo ? frame - NEAR : lo, frame < lo ? hi : frame + NEAR);
	return t;
}

/* ---- borrowing ---- */

/* Takes lease n if it is free, or if its borrower is late and the others are taken. */
static inline int borrow_this(u32 n, u64 mark, int late)
{
	u64 *owner = &bpftime_resident.session->leases[n].owner, old = __atomic_load_n(owner, __ATOMIC_RELAXED);
	u32 age = ((u32)(mark >> 32) - (u32)(old >> 32)) & 0x7fffffff;

	if (old && !(late && age > STALE_TICKS))
		return 0;
	return cas(owner, old, mark);
}

/* The index of a lease that is ours until its owner is no longer mark; or -1. */
static inline int borrow(u64 mark, u32 at)
{
	u32 n = SESSION_NLEASES - SESSION_NKEPT;

	for (int late = 0; late < 2; late++)
		for (u32 i = 0; i < n; i++)
			if (borrow_this(SESSION_NKEPT + (at + i) % n, mark, late))
				return (int)(SESSION_NKEPT + (at + i) % n);
	return -1;
}

/* Runs the list under a borrowed lease; what the thunk does otherwise. */
static HOT void run_borrowed(struct bpftime_run *runs, u64 frame)
{
	struct session *s = bpftime_resident.session;
	u64 tsc = __builtin_ia32_rdtsc(), mark = BORROWED | (tsc >> LEASE_TICK & 0x7fffffff) << 32 | (u32)(frame >> 4);
	struct bpftime_borrower t;
	int lease = borrow(mark, spread(tsc << 6));

	if (lease < 0) {
		miss(runs);
		return;
	}
	t.lease = (u32)lease;
	t.counters = (u64)s->counters[lease];
	t.holder = frame;
	*(volatile u64 *)(frame + FRAME_THREAD) = (u64)&t;
	for (; runs->fn; runs++) {
		++*(volatile u64 *)(t.counters + runs->counter);
		*(volatile u64 *)(frame + FRAME_RUN) = (u64)runs;
		((u64 (*)(u64))runs->fn)(frame + FRAME_REGS);
	}
	cas(&s->leases[lease].owner, mark, 0);
}

/* frame is that of the thunk. The entry to run the list with; 0: it has been run,
 * or counted as missed. */
HOT struct bpftime_thread *bpftime_thread_enter(struct bpftime_run *runs, u64 frame)
{
	struct bpftime_thread *t = keep(frame);

	if (!t)
		run_borrowed(runs, frame);
	return t;
}

/* The main thread takes its lease before the first patch, so that its stack is
 * known to be the main one, however deep its first hit and whoever is first. */
void bpftime_thread_first(void)
{
	u64 here = (u64)__builtin_frame_address(0);
	struct bpftime_thread *t = first_hit(here);

	if (t)
		set_stack(t, here - MAIN_STACK_BELOW, here + MAIN_STACK_ABOVE);
}
