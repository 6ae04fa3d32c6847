/* Who runs the program, and where.
 *
 * pid and tid are those that the process itself sees. A thread's pair is kept in its
 * TLS and is right while its pid is that of this process image:
 *
 *   exec       is another image: all is new.
 *   fork       wipes bpftime_private, and the pid with it. The child's pair is its
 *              parent's, and the libc has noted the child's own tid meanwhile: a word
 *              that changed says so without a system call, and that it is the pid too,
 *              since this is the thread that was forked.
 *   vfork      and posix_spawn: until exec, the child has its parent's TLS, and so its
 *              parent's pair.
 *   threads    begin with an empty TLS.
 *
 * Programs look there by themselves, and ask only where the pair has no upper half
 * (attach/inline.go): so it is before a thread's first hit in a process image, when the
 * pair may be a parent's (first_hit in thread.c), and for who has borrowed a lease.
 *
 * Where the libc's word is not known, or not to be believed (a fork by a system call of
 * the host's own), the kernel is asked, and what it says is kept only if it cannot be
 * said of a child that shares our memory, and is the libc's word: a pair that never was
 * would look changed to the next child.
 *
 * uid, gid and comm may be changed by any thread at any time, comm even by another
 * process (/proc/PID/comm), and nothing in our memory changes with them: they are asked
 * for each time. But where system calls are rewritten for the sake of signals, prctl is
 * too (signal_calls.c): then a thread's name is kept until it changes it, and
 * for one tick of the coarse clock, since others may change it through /proc.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "bpf.h"

#include <asm/unistd.h>

static inline long ask(long nr) { return bpftime_syscall(nr, 0, 0, 0, 0, 0); }
static inline u64 pair(u32 high, u32 low) { return (u64)high << 32 | low; }

static inline u64 keep(u32 pid, u32 tid)
{
	bpftime_private.pid = pid;
	return bpftime_self.pid_tgid = pair(pid, tid);
}

static HOT u64 ask_kernel(u32 noted)
{
	long pid = ask(__NR_getpid), tid = ask(__NR_gettid);
	u32 known = bpftime_private.pid;

	if (failed(pid) || failed(tid))
		return error(EINVAL_);
	if ((!noted || noted == tid) && (known ? known == pid : noted == tid))
		return keep((u32)pid, (u32)tid);
	return pair((u32)pid, (u32)tid);
}

static HOT u64 identify(void)
{
	u32 noted = noted_tid(), before = (u32)bpftime_self.pid_tgid, known = bpftime_private.pid;

	if (!noted || noted == before || !(known || before))
		return ask_kernel(noted);
	return keep(known ? known : noted, noted);
}

/* u64 bpf_get_current_pid_tgid(void): tgid << 32 | tid */
HOT u64 bpftime_get_current_pid_tgid(void)
{
	u64 kept = bpftime_self.pid_tgid;
	u32 pid = bpftime_private.pid;

	return likely(pid && kept >> 32 == pid) ? kept : identify();
}

/* u64 bpf_get_current_uid_gid(void): gid << 32 | uid, the real ones */
HOT u64 bpftime_get_current_uid_gid(void)
{
	long gid = ask(__NR_getgid), uid = ask(__NR_getuid);

	return failed(gid) || failed(uid) ? error(EINVAL_) : pair((u32)gid, (u32)uid);
}

static inline u32 tick_of(u64 seconds, u64 nanoseconds) { return ((u32)seconds << 30 ^ (u32)nanoseconds) | 1; }

/* Which tick of the clock it is, not 0; 0: names are not kept. What is read while the
 * clock moves on is another tick, too. */
static inline u32 tick(void)
{
	const volatile u64 *coarse = bpftime_resident.coarse;
	u64 t[2] = {0, 0};

	if (likely(coarse))
		return tick_of(coarse[0], coarse[1]);
	if (!bpftime_resident.names || !bpftime_resident.clock)
		return 0;
	bpftime_resident.clock(6 /* CLOCK_MONOTONIC_COARSE */, t);
	return tick_of(t[0], t[1]);
}

/* Names, by the lease that a thread keeps: its TLS says whether there is one. */
static u64 names[SESSION_NLEASES][2];

/* The thread's name, NUL-padded. Kept only by who has this TLS to itself. */
static inline int take_name(u64 name[2], u64 ctx)
{
	struct bpftime_thread *t = &bpftime_self;
	u32 now = tick();

	if (likely(now && t->named == now)) {
		name[0] = names[t->lease][0];
		name[1] = names[t->lease][1];
		return 1;
	}
	if (failed(bpftime_syscall(__NR_prctl, 16 /* PR_GET_NAME */, (u64)name, 0, 0, 0)))
		return 0;
	if (now && thread_of(ctx) == t) {
		t->named = 0; /* a signal may come in between */
		*(volatile u64 *)&names[t->lease][0] = name[0];
		*(volatile u64 *)&names[t->lease][1] = name[1];
		*(volatile u32 *)&t->named = now;
	}
	return 1;
}

static HOT u64 copy_name(u8 *buf, u64 n, u64 ctx)
{
	u64 name[2] = {0, 0};

	if (!n || !take_name(name, ctx)) {
		zero(buf, n);
		return error(EINVAL_);
	}
	if (likely(n >= sizeof name)) {
		__builtin_memcpy(buf, name, sizeof name);
		zero(buf + sizeof name, n - sizeof name);
		return 0;
	}
	for (u64 i = 0; i < n - 1; i++)
		buf[i] = ((u8 *)name)[i];
	buf[n - 1] = 0;
	return 0;
}

/* long bpf_get_current_comm(void *buf, u32 size). Nearly all ask for 16 bytes. */
HOT u64 bpftime_get_current_comm(BPF_ARGS)
{
	const volatile struct bpftime_thread *t = &bpftime_self;
	const volatile u64 *coarse = bpftime_resident.coarse;

	if (likely(coarse && (u32)r2 == sizeof *names && t->named == tick_of(coarse[0], coarse[1]))) {
		((u64 *)r1)[0] = names[t->lease][0];
		((u64 *)r1)[1] = names[t->lease][1];
		return 0;
	}
	return copy_name((u8 *)r1, (u32)r2, ctx);
}

/* long bpf_get_ns_current_pid_tgid(u64 dev, u64 ino, struct bpf_pidns_info *nsdata, u32 size): nsdata is pid, tgid. The
 * one namespace that is known here is our own, as it was at the start. */
HOT u64 bpftime_get_ns_current_pid_tgid(u64 dev, u64 ino, u64 to, u64 size)
{
	struct bpftime_resident *r = &bpftime_resident;

	if ((u32)size != 8 || !ino || dev != r->pidns_dev || ino != r->pidns_ino) {
		zero((void *)to, (u32)size);
		return error(EINVAL_);
	}
	u64 now = bpftime_get_current_pid_tgid();
	((u32 *)to)[0] = (u32)now;
	((u32 *)to)[1] = (u32)(now >> 32);
	return 0;
}

/* u32 bpf_get_smp_processor_id(void) */
HOT u64 bpftime_get_smp_processor_id(void)
{
	u32 cpu = 0;

	if (likely(bpftime_resident.getcpu))
		bpftime_resident.getcpu(&cpu, 0, 0);
	else
		bpftime_syscall(__NR_getcpu, (u64)&cpu, 0, 0, 0, 0);
	return cpu;
}

static inline u64 mix(u64 v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

/* u32 bpf_get_prandom_u32(void): splitmix64, one sequence for each lease */
HOT u64 bpftime_get_prandom_u32(BPF_ARGS)
{
	u64 lease = thread_of(ctx)->lease, *state = &bpftime_resident.session->leases[lease].random, v = *state;

	if (!v)
		v = mix(bpftime_resident.seed + lease);
	*state = v += 0x9e3779b97f4a7c15;
	return mix(v) >> 32;
}

/* u64 bpf_get_func_ip(void *ctx) */
HOT u64 bpftime_get_func_ip(BPF_ARGS) { return run_of(ctx)->ip; }

/* u64 bpf_get_attach_cookie(void *ctx) */
HOT u64 bpftime_get_attach_cookie(BPF_ARGS) { return run_of(ctx)->cookie; }
