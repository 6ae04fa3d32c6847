// values SCENARIO: clocks, CPU, random numbers, strings, what a run record says; and what needs no system call.
#include "harness.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <time.h>

// ---- clocks ----

static u64 clock_of(clockid_t id)
{
	struct timespec t;
	need(!syscall(SYS_clock_gettime, id, &t), "clock_gettime");
	return t.tv_sec * 1000000000ul + t.tv_nsec;
}

static const struct {
	u32 helper;
	clockid_t id;
} clocks[] = {
	{KTIME_GET_NS, CLOCK_MONOTONIC}, {KTIME_GET_BOOT_NS, CLOCK_BOOTTIME},
	{KTIME_GET_COARSE_NS, CLOCK_MONOTONIC_COARSE}, {KTIME_GET_TAI_NS, CLOCK_TAI},
};

static void right_time(void)
{
	for (u64 i = 0; i < 400; i++) {
		u32 k = i % 4;
		u64 before = clock_of(clocks[k].id), now = call(clocks[k].helper), after = clock_of(clocks[k].id);
		check(before <= now && now <= after, "helper %u says %lu, it is %lu to %lu", clocks[k].helper, now, before, after);
	}
}

// Threads that hand each other the latest time: none sees one before that, whatever they do at once.
static u64 latest;

static void hand_on(void)
{
	for (int i = 0; i < 2000000; i++) {
		u64 before = __atomic_load_n(&latest, __ATOMIC_ACQUIRE), now = call(KTIME_GET_NS);
		if (now < before)
			check(now >= before, "%lu is %lu before what another thread was told", now, before - now);
		if (now > before)
			__atomic_store_n(&latest, now, __ATOMIC_RELEASE);
	}
	check(latest, "no time");
}

static void order(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		need(!pthread_create(&t[i], 0, (void *(*)(void *))hand_on, 0), "pthread_create");
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], 0);
}

static void times(void)
{
	right_time();
	in_thread(right_time, 16384);
	in_child(right_time);
	bpftime_resident.clock = 0; // a kernel without a vDSO
	right_time();
}

// The time-stamp counter is forbidden: by whoever started us, so that it is known; by us, so that it is not.
static void no_tsc(void)
{
	need(!prctl(PR_SET_TSC, PR_TSC_SIGSEGV), "PR_SET_TSC");
	u64 before = clock_of(CLOCK_MONOTONIC_COARSE), now = call(KTIME_GET_COARSE_NS);
	check(before <= now && now <= clock_of(CLOCK_MONOTONIC_COARSE), "%lu, it was %lu", now, before);
	check(call(GET_PRANDOM_U32) <= ~0u && call(GET_CURRENT_PID_TGID) == ((u64)getpid() << 32 | getpid()), "others");
	bpftime_bpf_ready();
	check(bpftime_resident.no_tsc, "it was not noticed");
	right_time();
}

// ---- CPU ----

static void right_cpu(void)
{
	cpu_set_t all, one;
	int found = 0;
	need(!sched_getaffinity(0, sizeof all, &all), "sched_getaffinity");
	for (u64 i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		need(!sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
		check(call(GET_SMP_PROCESSOR_ID) == i, "CPU %lu says %lu", i, call(GET_SMP_PROCESSOR_ID));
		found++;
	}
	check(found > 0, "no CPU");
	sched_setaffinity(0, sizeof all, &all);
}

static void cpu(void)
{
	right_cpu();
	in_thread(right_cpu, 0);
	bpftime_resident.getcpu = 0;
	right_cpu();
}

// ---- random numbers ----

enum { DRAWS = 100000 };

static void random_bits(void)
{
	int ones[32] = {0}, repeats = 0;
	u64 last = ~0ul;
	for (int i = 0; i < DRAWS; i++) {
		u64 v = call(GET_PRANDOM_U32);
		check(v <= ~0u, "%#lx", v);
		repeats += v == last;
		last = v;
		for (int k = 0; k < 32; k++)
			ones[k] += v >> k & 1;
	}
	check(repeats < 5, "%d repeats", repeats);
	for (int k = 0; k < 32; k++)
		check(ones[k] > DRAWS / 2 - DRAWS / 50 && ones[k] < DRAWS / 2 + DRAWS / 50, "bit %d: %d of %d", k, ones[k], DRAWS);
}

// Two leases have sequences of their own, and each goes on where it was.
static void random_leases(void)
{
	static u64 drawn[2][1000];
	u32 mine = bpftime_self.lease;
	int same = 0;
	for (int i = 0; i < 1000; i++) {
		bpftime_self.lease = 7 + i % 2;
		drawn[i % 2][i / 2] = call(GET_PRANDOM_U32);
	}
	bpftime_self.lease = mine;
	for (int i = 0; i < 500; i++)
		for (int k = 0; k < 500; k++)
			same += drawn[0][i] == drawn[1][k];
	check(same < 5, "%d numbers in both sequences", same);
	check(bpftime_resident.session->leases[7].random && bpftime_resident.session->leases[8].random, "states");
	u32 nobody = mine == 9 ? 10 : 9;
	check(!bpftime_resident.session->leases[nobody].random, "a lease that nobody held");
}

static void randoms(void)
{
	random_bits();
	random_leases();
	printf("first %#lx\n", call(GET_PRANDOM_U32)); // the test compares two processes
}

// ---- the rest ----

static void run_record(void)
{
	check(call(GET_FUNC_IP, 0) == run.ip, "%#lx", call(GET_FUNC_IP, 0));
	check(call(GET_ATTACH_COOKIE, 0) == run.cookie, "%#lx", call(GET_ATTACH_COOKIE, 0));
}

static int sign(long v) { return v < 0 ? -1 : v > 0; }

static void strings(void)
{
	static const char *const s[] = {"", "a", "b", "ab", "abc", "abd", "\x80", "a\xff", "abcdefghijklmnopqrstuvwxyz"};
	enum { N = sizeof s / sizeof *s };
	for (int i = 0; i < N * N; i++)
		for (u64 n = 0; n < 30; n++) {
			const char *a = s[i % N], *b = s[i / N];
			long r = (long)call(STRNCMP, a, n, b);
			check(r == sign(strncmp(a, b, n)), "%s and %s to %lu: %ld", a, b, n, r);
		}
}

// ---- no system call ----

static void kill_for_all_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = {sizeof code / sizeof *code, code};
	need(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), "seccomp");
}

// Does the kernel read this clock without a call of its own?
static int clocks_in_vdso(void)
{
	char name[32] = "";
	int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY);
	need(fd < 0 || read(fd, name, sizeof name - 1) >= 0, "clocksource");
	close(fd);
	return !strncmp(name, "tsc", 3) || !strncmp(name, "kvm-clock", 9) || !strncmp(name, "hyperv", 6);
}

static u64 ask_all(int with_clocks)
{
	char buf[64];
	u64 args[2] = {1, 2}, sum = call(GET_CURRENT_PID_TGID);
	for (u32 i = 0; with_clocks && i < 4; i++)
		sum += call(clocks[i].helper);
	sum += call(KTIME_GET_COARSE_NS) + call(GET_PRANDOM_U32) + call(GET_SMP_PROCESSOR_ID) + call(GET_FUNC_IP) + call(GET_ATTACH_COOKIE);
	sum += call(STRNCMP, "a", 2, "b") + call(SNPRINTF, buf, sizeof buf, "%d %lx", args, sizeof args);
	sum += call(GET_NS_CURRENT_PID_TGID, bpftime_resident.pidns_dev, bpftime_resident.pidns_ino, buf, 8);
	return sum;
}

static int in_vdso;

static void silent_child(void)
{
	kill_for_all_calls();
	ask_all(in_vdso);
	_exit(0);
}

static void asked_child(void)
{
	call(GET_CURRENT_PID_TGID);
	in_child(silent_child); // its first question
}

static void silent_thread(void) { in_child(asked_child); }

static void silent(void)
{
	in_vdso = clocks_in_vdso();
	in_thread(silent_thread, 0);
	asked_child();
	bpftime_self.pid_tgid = 0; // the first question of a process that was not forked
	kill_for_all_calls();
	ask_all(in_vdso);
	_exit(7);
}

// ---- stack ----

enum { STACK = 65536 };

static u8 *stack;
static u32 measured;

static void on_stack(void (*f)(void))
{
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov %0, %%rsp\n\t"
			 "call *%1\n\t"
			 "mov %%rbx, %%rsp"
			 :
			 : "r"(stack + STACK), "r"(f)
			 : "rbx", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

static void call_measured(void)
{
	static u64 args[12] = {(u64)"a string of the process"}, here[64];
	switch (measured) {
	case TRACE_PRINTK:
		call(TRACE_PRINTK, "%d of %40s at %pI4", 19, 1, args[0], here);
		return;
	case TRACE_VPRINTK:
		call(TRACE_VPRINTK, "[%-40s] %pks %pI6", 18, args, sizeof args);
		return;
	case SNPRINTF:
		call(SNPRINTF, here, sizeof here, "[%-40s] %pks %pI6", args, sizeof args);
		return;
	case STRNCMP:
		call(STRNCMP, "a", 2, "a");
		return;
	default:
		call(measured, here, 64, here);
	}
}

static u64 depth(u32 id)
{
	u64 untouched = 0;
	measured = id;
	memset(stack, 0xa5, STACK);
	on_stack(call_measured);
	while (stack[untouched] == 0xa5)
		untouched++;
	return STACK - untouched;
}

static void stacks(void)
{
	static const u32 ids[] = {PROBE_READ, KTIME_GET_NS, TRACE_PRINTK, GET_PRANDOM_U32, GET_SMP_PROCESSOR_ID, GET_CURRENT_PID_TGID,
				  GET_CURRENT_UID_GID, GET_CURRENT_COMM, PROBE_READ_STR, GET_NS_CURRENT_PID_TGID, KTIME_GET_COARSE_NS,
				  SNPRINTF, GET_ATTACH_COOKIE, TRACE_VPRINTK, STRNCMP};
	stack = pages(STACK / 4096);
	u64 least = depth(GET_FUNC_IP);
	for (u64 i = 0; i < sizeof ids / sizeof *ids; i++) {
		u32 id = ids[i];
		u64 used = depth(id) - least, most = id == TRACE_PRINTK || id == TRACE_VPRINTK || id == SNPRINTF ? 640 : 320;
		printf("stack %u %lu\n", id, used);
		check(used <= most, "helper %u takes %lu bytes of stack, at most %lu", id, used, most);
	}
}

// The registers of a call, at its entry and at its return.
static void call_record(void)
{
	static const u32 order[] = {PT_RDI, PT_RSI, PT_RDX, PT_RCX, PT_R8, PT_R9};
	u64 frame[FRAME_RA / 8 + 2 + SESSION_WORDS / 8], ctx = (u64)frame + FRAME_REGS, v;
	struct bpftime_run session = {.session = 1}, *runs[] = {&run, &run, &session, &session};
	helper arg = (helper)bpftime_bpf_helper(GET_FUNC_ARG), ret = (helper)bpftime_bpf_helper(GET_FUNC_RET), count = (helper)bpftime_bpf_helper(GET_FUNC_ARG_CNT);
	for (u64 i = 0; i < sizeof frame / 8; i++)
		frame[i] = 1000 + i;
	for (int k = 0; k < 4; k++) {
		int returns = k % 2;
		frame[FRAME_RUN / 8] = (u64)runs[k];
		bpftime_resident.session->links[0].kind = returns && k < 2 ? LINK_RETURN : LINK_ENTRY;
		frame[(FRAME_SESSION + SESSION_STATE) / 8] = (u64)(returns && k >= 2) << SESSION_RETURNS;
		for (u32 n = 0; n < 6; n++) {
			v = 7;
			u64 r = arg(ctx, n, (u64)&v, 0, 0, ctx);
			check(returns ? r == (u64)-EINVAL && v == 7 : !r && v == *(u64 *)(ctx + order[n]), "%d: argument %u: %ld, %lu", k, n, (long)r, v);
		}
		check(arg(ctx, 6, (u64)&v, 0, 0, ctx) == (u64)-EINVAL && arg(ctx, -1, (u64)&v, 0, 0, ctx) == (u64)-EINVAL, "%d: the seventh argument", k);
		v = 7;
		u64 r = ret(ctx, (u64)&v, 0, 0, 0, ctx);
		check(returns ? !r && v == *(u64 *)(ctx + PT_RAX) : r == (u64)-EOPNOTSUPP && v == 7, "%d: the result: %ld, %lu", k, (long)r, v);
		check(count(ctx, 0, 0, 0, 0, ctx) == (returns ? 0 : 6), "%d: the count", k);
	}
}

// ---- locks ----

enum { LOCKERS = 8, TURNS = 20000 };

static struct shared {
	u32 lock;
	volatile u64 sum;
} *shared;

static void hold_lease(u32 n, u32 proc, pid_t pid)
{
	struct session *s = bpftime_resident.session;
	bpftime_self.lease = n;
	s->leases[n].owner = proc;
	s->procs[proc - 1].pid = pid;
	s->procs[proc - 1].pidns = bpftime_resident.pidns_ino;
	s->procs[proc - 1].state = SLOT_LIVE;
}

static void *locker(void *n)
{
	hold_lease(10 + (u32)(u64)n, 1, getpid());
	for (int i = 0; i < TURNS; i++) {
		call(SPIN_LOCK, &shared->lock);
		shared->sum++;
		call(SPIN_UNLOCK, &shared->lock);
	}
	return 0;
}

static u64 misses(void) { return bpftime_resident.session->links[0].misses; }

// A child takes the lock, and does what is asked.
static pid_t child_with_lock(int stops)
{
	pid_t pid = fork();
	need(pid >= 0, "fork");
	if (pid)
		return pid;
	hold_lease(30, 2, getpid());
	call(SPIN_LOCK, &shared->lock);
	if (!stops)
		kill(getpid(), SIGKILL);
	raise(SIGSTOP);
	call(SPIN_UNLOCK, &shared->lock);
	_exit(0);
}

// What a process of user space held: one that is dead, one of another PID namespace, and one that lives.
static void user_locks(u32 dead)
{
	u32 ns = (u32)bpftime_resident.pidns_ino & LOCK_NS_MASK;
	u64 before = misses();
	shared->lock = LOCK_USER | ns << LOCK_NS | dead;
	call(SPIN_LOCK, &shared->lock);
	check(shared->lock == 30 && misses() == before, "%#x, %lu misses", shared->lock, misses() - before);
	shared->lock = LOCK_USER | (ns ^ 1) << LOCK_NS | dead; // somebody's there
	call(SPIN_LOCK, &shared->lock);
	check(shared->lock == 30 && misses() == before + 1, "%#x, %lu misses", shared->lock, misses() - before);
	shared->lock = LOCK_USER | ns << LOCK_NS | (u32)getpid();
	call(SPIN_LOCK, &shared->lock);
	check(shared->lock == 30 && misses() == before + 2, "%#x, %lu misses", shared->lock, misses() - before);
}

static void locks(void)
{
	pthread_t t[LOCKERS];
	int status;
	shared = pages(1);
	for (u64 i = 0; i < LOCKERS; i++)
		need(!pthread_create(&t[i], 0, locker, (void *)i), "pthread_create");
	for (int i = 0; i < LOCKERS; i++)
		pthread_join(t[i], 0);
	check(shared->sum == LOCKERS * TURNS && !shared->lock && !misses(), "%lu of %u", shared->sum, LOCKERS * TURNS);

	hold_lease(29, 1, getpid());
	call(SPIN_LOCK, &shared->lock);
	call(SPIN_LOCK, &shared->lock); // left by a longjmp in between
	call(SPIN_UNLOCK, &shared->lock);
	check(!shared->lock, "%u", shared->lock);

	pid_t pid = child_with_lock(0);
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	check(shared->lock == 31, "the child has not got it: %u", shared->lock);
	call(SPIN_LOCK, &shared->lock);
	check(shared->lock == 30 && !misses(), "%u, %lu misses", shared->lock, misses());
	call(SPIN_UNLOCK, &shared->lock);

	pid = child_with_lock(1);
	need(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "a stopped child");
	call(SPIN_LOCK, &shared->lock);
	check(shared->lock == 30 && misses() == 1, "%u, %lu misses", shared->lock, misses());
	kill(pid, SIGCONT);
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	check(shared->lock == 30, "freed by who was robbed: %u", shared->lock);
	call(SPIN_UNLOCK, &shared->lock);

	shared->lock = 0xdeadbeef; // nobody's
	call(SPIN_LOCK, &shared->lock);
	check(shared->lock == 30, "%#x", shared->lock);
	user_locks((u32)pid);
}

// Which helpers there are, for the test to compare.
static void list(void)
{
	for (u32 id = 0; id < HELPER_COUNT; id++)
		if (bpftime_bpf_helper(id))
			printf("helper %u\n", id);
	check(!bpftime_bpf_helper(1u << 31) && !bpftime_bpf_helper(-1u), "numbers that the kernel does not have");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*f)(void);
	} scenarios[] = {
		{"times", times}, {"order", order}, {"no_tsc", no_tsc}, {"cpu", cpu}, {"randoms", randoms}, {"run_record", run_record},
		{"strings", strings}, {"call_record", call_record}, {"locks", locks}, {"silent", silent}, {"stacks", stacks}, {"list", list},
	};
	start(0);
	for (u64 i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		if (argc == 2 && !strcmp(argv[1], scenarios[i].name)) {
			scenarios[i].f();
			return finish();
		}
	return 2;
}
