/* The rare side of a hit: a thread's first one, a forked child's first one, a hit
 * while a program of ours runs on the thread, a hit on another stack.
 *
 * A *lease* is an index into everything of a session that is kept once per lease:
 * its holder alone writes there, so plain increments are exact. Leases are taken
 * without a system call, since a seccomp filter may kill for one.
 *
 *   kept      by a thread, in its TLS. Never given back: a *keeper* remembers the
 *             lease under the thread's fs base for a later thread that has the
 *             same, and the leases of a dead process are taken back by the next
 *             process that starts in the session (preload/session.c).
 *   borrowed  for one hit, by whoever has none to keep: when there are more threads
 *             than leases to keep, or more children were forked than the session
 *             has slots for; in a signal handler that interrupts a program of ours;
 *             and on a stack that the thread's lease is not for. It costs two locked
 *             instructions. Who is killed in between leaves it taken; after two seconds
 *             of that, and when none is free, the next borrower has it.
 *
 * fork() wipes bpftime_private, so a child has another origin, and sees that what a
 * TLS says is its parent's. A vfork child shares all with the parent, which is
 * suspended. A CLONE_VM task with its parent's TLS runs beside the parent: the
 * stack tells them apart. A lease is for a window of the stack, which moves when
 * its thread is met close by. A thread that switches stacks far apart borrows.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "native.h"

#include <asm/unistd.h>

struct bpftime_resident bpftime_resident;
struct bpftime_private bpftime_private __attribute__((aligned(4096)));
void (*bpftime_dl_state)(void);
__thread struct bpftime_thread bpftime_self HIDDEN __attribute__((tls_model("initial-exec")));

#define NEAR (THREAD_WINDOW / 2ul)
#define SPACE (1ul << 48) /* twice what user space has of addresses */

#define BORROWED (1ul << 63)
#define STALE_SECONDS 2

#define cas(p, old, new) __atomic_compare_exchange_n(p, &(__typeof__(*(p))){old}, new, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)

static HOT u32 spread(u64 v)
{
	return (u32)((v >> 6) * 0x9e3779b97f4a7c15u >> 40);
}

HOT void bpftime_missed(struct bpftime_run *runs)
{
	for (; runs->fn; runs++)
		__atomic_fetch_add(&bpftime_resident.session->links[runs->counter / 8].misses, 1, __ATOMIC_RELAXED);
}

static HOT void copy(char *to, const char *from, u32 n)
{
	while (n--)
		to[n] = from[n];
}

/* A forked child's slot. */
static HOT void describe_child(struct session_proc *p, u32 pid)
{
	struct bpftime_resident *r = &bpftime_resident;
	struct session_proc *parent = &r->session->procs[r->proc - 1];

	p->pid = pid;
	p->start = 0;
	p->pidns = parent->pidns;
	p->uid = parent->uid;
	p->flags = PROC_FORKED;
	p->uncovered = 0;
	copy(p->comm, parent->comm, sizeof p->comm);
	copy(p->exe, parent->exe, sizeof p->exe);
}

static HOT u32 claim_proc(void)
{
	struct session_proc *procs = bpftime_resident.session->procs;
	u32 *mine = &bpftime_private.proc, tid = noted_tid();

	for (u32 i = 0; i < SESSION_NPROCS; i++) {
		if (procs[i].state != SLOT_FREE || !cas(&procs[i].state, SLOT_FREE, SLOT_CLAIMED | tid << SLOT_PID))
			continue;
		describe_child(&procs[i], tid);
		if (!cas(mine, 0, i + 1)) { /* another thread was first */
			__atomic_store_n(&procs[i].state, SLOT_FREE, __ATOMIC_RELEASE);
			return *mine;
		}
		__atomic_store_n(&procs[i].state, SLOT_LIVE, __ATOMIC_RELEASE);
		return i + 1;
	}
	return 0;
}

static HOT struct bpftime_keeper *keeper_of(u64 fs)
{
	struct bpftime_keeper *k = bpftime_private.keepers;
	u32 at = spread(fs);

	for (u32 i = 0; i < BPFTIME_NKEEPERS; i++) {
		u32 n = (at + i) % BPFTIME_NKEEPERS;

		if (k[n].fs == fs || (!k[n].fs && cas(&k[n].fs, 0, fs)))
			return &k[n];
	}
	return 0;
}

static HOT int take_lease(struct bpftime_keeper *k)
{
	struct session_lease *leases = bpftime_resident.session->leases;
	u32 proc = __atomic_load_n(&bpftime_private.proc, __ATOMIC_RELAXED), at;

	if (!proc)
		proc = claim_proc();
	at = spread(k->fs ^ (u64)proc << 32);
	for (u32 i = 0; proc && i < SESSION_NKEPT; i++) {
		u32 n = (at + i) % SESSION_NKEPT;

		if (leases[n].owner || !cas(&leases[n].owner, 0, (u64)proc))
			continue;
		k->lease = n;
		k->has_lease = 1;
		return 1;
	}
	return 0;
}

/* What a TLS says counts from the origin of the process image it was said in, so
 * what a child of fork finds there, on whatever thread, lies nowhere near its own
 * stacks. */
static inline u64 origin(void)
{
	u64 *o = &bpftime_private.origin;
	u32 next = (bpftime_resident.images & 0xffff) + 1;

	if (!*o && cas(o, 0, next * SPACE))
		bpftime_resident.images = next;
	return *o;
}

/* The pair of pid and tid that is found in the TLS may be a parent's: it loses its upper
 * half, without which programs ask the helper; which wants to know the lower. */
static HOT struct bpftime_thread *first_hit(struct bpftime_thread *t, u64 frame)
{
	struct bpftime_keeper *k = keeper_of(fs_base());

	t->counters = t->holder = t->stack = 0;
	t->pid_tgid = (u32)t->pid_tgid;
	t->named = 0;
	if (!k || (!k->has_lease && !take_lease(k)))
		return 0;
	t->lease = (u16)k->lease;
	t->counters = (u64)bpftime_resident.session->counters[k->lease];
	t->stack = frame - NEAR - origin();
	return t;
}

/* May the thread use a lease of its own here? If it has none it takes one. Within
 * the window it has one, but its holder is not 0: a program runs further up; or a
 * handler was left by longjmp out of a program, and that frame is below us. */
static HOT struct bpftime_thread *keep(u64 frame)
{
	struct bpftime_thread *t = &bpftime_self;
	u64 at = frame - t->stack - origin();

	if (!t->counters || at + SPACE / 2 >= SPACE)
		return first_hit(t, frame);
	if (at < THREAD_WINDOW)
		return frame >= t->holder ? t : 0;
	if (t->holder || at + NEAR >= THREAD_WINDOW + 2 * NEAR)
		return 0;
	t->stack = frame - NEAR - origin();
	return t;
}

/* ---- borrowing ---- */

/* Takes lease n if it is free, or if its borrower is late and the others are taken. */
static inline int borrow_this(u32 n, u64 mark, int late)
{
	u64 *owner = &bpftime_resident.session->leases[n].owner, old = __atomic_load_n(owner, __ATOMIC_RELAXED);
	u32 age = ((u32)(mark >> 32) - (u32)(old >> 32)) & 0x7fffffff;

	if (old && !(late && age >= STALE_SECONDS))
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

/* The coarse clock of the vDSO: two words of memory, where rdtsc may be forbidden
 * (PR_SET_TSC, strict seccomp). */
static inline u32 seconds(void)
{
	u64 t[2] = {0, 0};

	if (bpftime_resident.clock)
		bpftime_resident.clock(6 /* CLOCK_MONOTONIC_COARSE */, t);
	return (u32)t[0] & 0x7fffffff;
}

/* Runs one program at a system call, as its thunk does. */
static inline void run_call(u64 counters, struct bpftime_run *run, u64 frame)
{
	++*(volatile u64 *)(counters + run->counter);
	*(volatile u64 *)(frame + FRAME_RUN) = (u64)run;
	bpftime_call_context(run->session, frame);
	((u64 (*)(u64))run->fn)(frame + FRAME_REGS);
}

/* Runs one program of a list, as the thunk does. Of a session program, what it returns at
 * the entry says whether it wants the return. */
static inline __attribute__((always_inline)) void run_one(u64 counters, struct bpftime_run *run, u64 frame)
{
	volatile u64 *session = (volatile u64 *)(frame + FRAME_SESSION + SESSION_STATE);
	u64 mine = run->session ? 1ul << run->session : 0, result;
	int returns = mine && *session >> SESSION_RETURNS;

	if (returns && *session & mine)
		return;
	++*(volatile u64 *)(counters + run->counter);
	*(volatile u64 *)(frame + FRAME_RUN) = (u64)run;
	result = ((u64 (*)(u64))run->fn)(frame + FRAME_REGS);
	if (mine && !returns && !(u32)result)
		*session &= ~mine;
}

/* What a borrower has of struct bpftime_thread: as little as helpers, and programs that
 * do without them, ask of it. */
struct borrower {
	u64 counters, holder, stack;
	u16 lease;
	u64 pid_tgid;
};
_Static_assert(offsetof(struct borrower, lease) == THREAD_LEASE, "abi.h");
_Static_assert(offsetof(struct borrower, pid_tgid) == THREAD_PID_TGID, "abi.h");

/* Runs the list under a borrowed lease; what the thunk does otherwise. */
static HOT struct bpftime_thread *run_borrowed(struct bpftime_run *runs, u64 frame)
{
	struct session *s = bpftime_resident.session;
	u64 mark = BORROWED | (u64)seconds() << 32 | (u32)(frame >> 4);
	struct borrower t;
	int lease = borrow(mark, spread(frame ^ fs_base() << 3));

	if (lease < 0) {
		bpftime_missed(runs);
		return 0;
	}
	t.lease = (u16)lease;
	t.counters = (u64)s->counters[lease];
	t.holder = frame;
	t.pid_tgid = 0;
	*(volatile u64 *)(frame + FRAME_THREAD) = (u64)&t;
	for (; runs->fn; runs++)
		if (runs->session >= SYSCALL_RAW)
			run_call(t.counters, runs, frame);
		else
			run_one(t.counters, runs, frame);
	cas(&s->leases[lease].owner, mark, 0);
	return 0;
}

/* frame is that of the thunk. The entry to run the list with; 0: it has been run,
 * or counted as missed. */
HOT struct bpftime_thread *bpftime_thread_enter(struct bpftime_run *runs, u64 frame)
{
	struct bpftime_thread *t = keep(frame);

	return t ? t : run_borrowed(runs, frame);
}

/* Behind an execve that succeeded there is nobody whom it could return to. As in the
 * kernel, its programs run in the program that has come, which sees a result of 0 and
 * nothing else of the call. That is so of every process with an agent, whoever made the
 * call, and by whichever of the two. */
void bpftime_execve_came(struct bpftime_run *runs)
{
	__attribute__((aligned(16))) volatile u64 frame[FRAME_CALL_SIZE / 8];
	struct bpftime_thread *t;

	for (u32 i = 0; i < FRAME_CALL_SIZE / 8; i++)
		frame[i] = 0;
	frame[(FRAME_CALL_REGS + PT_ORIG_RAX) / 8] = __NR_execve;
	t = bpftime_thread_enter(runs, (u64)frame);
	if (!t)
		return;
	t->holder = (u64)frame;
	frame[FRAME_THREAD / 8] = (u64)t;
	for (; runs->fn; runs++)
		run_call(t->counters, runs, (u64)frame);
	*(volatile u64 *)&t->holder = 0;
}

/* The main thread takes its lease here, so that whoever is hit first on its TLS,
 * the window is one of its own stack. */
void bpftime_private_ready(u32 proc)
{
	bpftime_private.proc = proc;
	first_hit(&bpftime_self, (u64)__builtin_frame_address(0));
}
