/* The rare side of a hit: a thread's first one, a forked child's first one, a
 * hit while a program of ours runs on the thread.
 *
 * A *thread entry* belongs to a thread (found by its fs base, which no two live
 * threads of a process share), a *lease* belongs to an entry and is an index into
 * everything of a session that is kept per lease: its holder alone writes there,
 * so plain increments are exact. Both are taken here without a system call, since
 * a seccomp filter may kill for one, and are never given back: a later thread with
 * the same fs base finds the entry, and the leases of a dead process are taken
 * back by the next process that starts in the session (preload/session.c).
 *
 * fork() wipes the entries, so a child takes leases of its own. A vfork child
 * shares entry and lease with the parent, which is suspended. A CLONE_VM task
 * that runs beside its parent on the parent's TLS finds the guard taken while the
 * parent runs a program, and counts a miss.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "native.h"

struct bpftime_resident bpftime_resident;
void (*bpftime_dl_state)(void);
__thread struct bpftime_thread *bpftime_self HIDDEN __attribute__((tls_model("initial-exec")));

/* A frame that runs a program is gone, and not suspended, when the thread is
 * found above it on the same stack: a signal handler left by longjmp. A handler
 * on an alternate stack may lie above too, but not this near. */
#define SAME_STACK (256 << 10)

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

static HOT struct bpftime_thread *miss(struct bpftime_run *runs)
{
	for (; runs->fn; runs++)
		__atomic_fetch_add(&runs->link->misses, 1, __ATOMIC_RELAXED);
	return 0;
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
	for (u32 i = 0; i < SESSION_NLEASES; i++) {
		u32 n = (at + i) % SESSION_NLEASES;

		if (s->leases[n].owner || !cas(&s->leases[n].owner, 0, (u64)proc))
			continue;
		t->lease = n;
		t->counters = (u64)s->counters[n];
		return 1;
	}
	return 0;
}

HOT struct bpftime_thread *bpftime_thread_enter(struct bpftime_run *runs, u64 rsp)
{
	struct bpftime_thread *t = bpftime_self;
	u64 fs = fs_base();

	if (t && t->counters) /* busy: nested in a program, or left behind by one */
		return rsp >= t->holder && rsp - t->holder < SAME_STACK ? t : miss(runs);
	t = claim_entry(t, fs);
	if (!t || !take_lease(t, fs))
		return miss(runs);
	bpftime_self = t;
	return t;
}
