/* Runs the compiler: Go, in another address space, for as long as it takes.
 *
 *  - in a clone()d child, only in the constructor and only while the process has
 *    one thread: the child has the host's mappings, so it can ask IFUNC resolvers;
 *    later it would inherit locks whose owners do not exist in it;
 *  - in a fresh process, execve of this very file through the host's dynamic
 *    linker: any time, costs no copy of the host's page tables.
 *
 * Neither raises SIGCHLD (exit signal 0), and a debugger of the host is not told
 * (CLONE_UNTRACED): with that exit signal gdb would take it for a thread. Each
 * kills itself at a deadline with a timer that nothing in it can block, and dies
 * with the host; so the host may simply wait. Both speak through a handoff, one
 * shared mapping.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <linux/sched.h>
#include <linux/wait.h>
#include <sys/auxv.h>

#define DEADLINE_SECONDS 5 /* without progress */
#define MOST_SECONDS 60    /* in all: a plan of tens of thousands of functions, on a machine that has no time */
#define ALL_SIGNALS (~0ul)

enum { SIG_SETMASK_ = 2, SIGKILL_ = 9, SIGSTOP_ = 19, SIGXFSZ_ = 25, PR_SET_PDEATHSIG_ = 1, PR_SET_DUMPABLE_ = 4, CLOCK_MONOTONIC_ = 1 };

extern void bpftimeCompile(struct handoff *h);
extern char **environ;

/* ---- handoff ---- */

/* What we have mapped: the compiler can write anything into the handoff. */
static u32 room;

static struct handoff *map_handoff(long fd, u32 size)
{
	long at = sys_mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (failed(at))
		return 0;
	room = size;
	((struct handoff *)at)->room = size;
	return (struct handoff *)at;
}

/* A file that shall hold it is made as large; -1: memory without one. */
struct handoff *handoff_map(long fd)
{
	static const u32 sizes[] = {HANDOFF_LARGE, HANDOFF_SIZE};
	struct handoff *h = 0;

	for (u32 i = 0; i < sizeof sizes / sizeof *sizes && !h; i++)
		if (fd < 0 || (file_size_allowed(sizes[i]) && !failed(SYS2(__NR_ftruncate, fd, sizes[i]))))
			h = map_handoff(fd, sizes[i]);
	return h;
}

/* The one that was made for us. */
static struct handoff *handoff_given(long fd)
{
	struct stat st;

	if (failed(SYS2(__NR_fstat, fd, &st)) || (st.st_size != HANDOFF_SIZE && st.st_size != HANDOFF_LARGE))
		return 0;
	return map_handoff(fd, (u32)st.st_size);
}

u32 handoff_plan_room(void) { return room - HANDOFF_PLAN; }

void handoff_unmap(struct handoff *h)
{
	sys_munmap((u64)h, room);
}

/* The compiler's log: "1text\n2text\n", bounded by what it may have written. The line
 * at *at, and *at behind it; 0: there is none. */
int handoff_line(const struct handoff *h, u32 *at, u32 *level, struct text *t)
{
	u32 n = h->log_size <= HANDOFF_LOG_MAX ? h->log_size : HANDOFF_LOG_MAX, i = *at;

	if (i >= n)
		return 0;
	t->n = 0;
	put(t, "");
	*level = (u32)(h->log[i++] - '0');
	for (; i < n && h->log[i] != '\n'; i++)
		put(t, (char[]){h->log[i], 0});
	*at = i + 1;
	return 1;
}

void log_handoff(const struct handoff *h)
{
	u32 at = 0, level;
	TEXT(t);

	while (handoff_line(h, &at, &level, &t))
		log_line(level, t.s);
}

void outcome_text(const struct outcome *o, struct text *t)
{
	if (!o->what)
		put(t, "the compiler gave no answer");
	else
		put(t, o->what);
	if (!o->status)
		return;
	if (o->what)
		put_error(t, -(long)o->status);
	else if ((o->status & 127) == SIGKILL_)
		put_dec(put(t, ": killed, or no further for "), DEADLINE_SECONDS), put(t, " seconds");
	else if (o->status & 127)
		put_dec(put(t, ": it died of signal "), o->status & 127);
	else
		put_dec(put(t, ": it exited with status "), o->status >> 8 & 255);
}

/* ---- Go ---- */

/* Starts Go with a command line, environment and auxv of its own: the host's
 * GODEBUG, GOGC and GOMAXPROCS are not ours, and musl gives constructors none. */
void start_go(void)
{
	static const int keys[] = {AT_PAGESZ, AT_HWCAP, AT_HWCAP2, AT_RANDOM, AT_PLATFORM, AT_SYSINFO_EHDR};
	static u64 block[40];
	u64 k = 0;

	block[k++] = (u64) "bpftime-agent";
	block[k++] = 0;
	block[k++] = (u64) "GOGC=off";
	block[k++] = (u64) "GOMEMLIMIT=256MiB";
	block[k++] = (u64) "GOMAXPROCS=1";
	block[k++] = (u64) "GOTRACEBACK=none";
	block[k++] = (u64) "GODEBUG=asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0";
	block[k++] = 0;
	for (u64 i = 0; i < sizeof keys / sizeof *keys; i++) {
		unsigned long v = getauxval((unsigned long)keys[i]);

		if (v) {
			block[k++] = (u64)keys[i];
			block[k++] = v;
		}
	}
	block[k++] = AT_NULL;
	block[k++] = 0;
	apply_deferred();
	bpftime_go_start(1, (char **)block, (char **)block + 2);
}

/* The resolver of an IFUNC, for Go. */
HIDDEN u64 bpftime_call_resolver(u64 at) { return ((u64 (*)(void))at)(); }

/* Text of the host as it is, for Go. */
HIDDEN void bpftime_peek(void *to, u64 at, u64 n) { mem_copy(to, (const void *)at, n); }

static struct {
	int timer;
	u64 end; /* in seconds of CLOCK_MONOTONIC */
} deadline;

static u64 seconds(void)
{
	struct { u64 s, ns; } t = {0, 0};

	SYS2(__NR_clock_gettime, CLOCK_MONOTONIC_, &t);
	return t.s;
}

static long arm(u64 in)
{
	struct { u64 every[2], first[2]; } spec = {{0, 0}, {in, 0}};

	return SYS4(__NR_timer_settime, deadline.timer, 0, &spec, 0);
}

/* From here on this process ends by itself: SIGKILL by a timer, and with its parent. */
void compiler_deadline(void)
{
	struct { u64 value; int signo, notify; u64 pad[6]; } event = {0, SIGKILL_, 0, {0}};

	SYS2(__NR_prctl, PR_SET_PDEATHSIG_, SIGKILL_);
	SYS2(__NR_prctl, PR_SET_DUMPABLE_, 0); /* no core file in the host's directory */
	deadline.end = seconds() + MOST_SECONDS;
	if (failed(SYS3(__NR_timer_create, CLOCK_MONOTONIC_, &event, &deadline.timer)) || failed(arm(DEADLINE_SECONDS)))
		SYS1(__NR_exit_group, 124);
}

/* Go has come further: it is slow, and does not hang. */
HIDDEN void bpftime_progress(void)
{
	if (seconds() + DEADLINE_SECONDS <= deadline.end)
		arm(DEADLINE_SECONDS);
}

/* All of them default, but that a file beyond RLIMIT_FSIZE is an error: SIG_IGN is 1. */
static void default_handlers(void)
{
	for (int sig = 1; sig < 65; sig++) {
		struct { u64 handler, flags, restorer, mask; } act = {sig == SIGXFSZ_, 0, 0, 0};

		if (sig != SIGKILL_ && sig != SIGSTOP_)
			SYS4(__NR_rt_sigaction, sig, &act, 0, 8);
	}
}

/* The host's descriptors are not for Go, and may be as many as are allowed. What
 * Go says when it dies is not for the host's stderr. */
static void own_descriptors(void)
{
	SYS3(__NR_close_range, 0, ~0u, 0);
	for (int fd = 0; fd < 3; fd++)
		SYS3(__NR_openat, AT_FDCWD, "/dev/null", O_RDWR);
}

static void child(struct handoff *h, u64 host)
{
	compiler_deadline();
	if ((u64)SYS1(__NR_getppid, 0) != host)
		SYS1(__NR_exit_group, 125);
	default_handlers();
	own_descriptors();
	start_go();
	bpftimeCompile(h);
	SYS1(__NR_exit_group, 0);
}

/* ---- waiting ---- */

static void wait_for(long pid, struct outcome *o)
{
	int status = 0, tries = 0;
	long r;

	do /* signals are blocked: what always says EINTR is a filter */
		r = SYS4(__NR_wait4, pid, &status, __WALL, 0);
	while (r == -EINTR_ && tries++ < 1000);
	if (r == -ECHILD_)
		return; /* the host waits for everything; what was handed over still counts */
	if (failed(r)) {
		SYS2(__NR_kill, pid, SIGKILL_);
		*o = (struct outcome){"waiting for the compiler is not allowed", (u32)-r};
	} else if (status) {
		*o = (struct outcome){0, (u32)status};
	}
}

static int block_signals(u64 *old)
{
	u64 all = ALL_SIGNALS;

	return !failed(SYS4(__NR_rt_sigprocmask, SIG_SETMASK_, &all, old, 8));
}

/* Tried again: a host with all signals blocked would be worse than any wait. */
static void set_signals(u64 mask)
{
	for (int tries = 0; tries < 8; tries++)
		if (!failed(SYS4(__NR_rt_sigprocmask, SIG_SETMASK_, &mask, 0, 8)))
			return;
}

static const char no_blocking[] = "signals may not be blocked while the compiler starts";

void compile_in_child(struct handoff *h, struct outcome *o)
{
	u64 host = (u64)SYS1(__NR_getpid, 0), old;
	long pid;

	*o = (struct outcome){0, 0};
	if (!block_signals(&old)) {
		o->what = no_blocking;
		return;
	}
	pid = sys6(__NR_clone, CLONE_UNTRACED, 0, 0, 0, 0, 0);
	if (!pid)
		child(h, host);
	if (failed(pid))
		*o = (struct outcome){"no process can be made to compile in", (u32)-pid};
	else
		wait_for(pid, o);
	set_signals(old);
}

/* ---- a fresh process ---- */

struct fresh {
	long fd;
	u64 mask;
	const char *path;
	char *const *argv;
};

#define HANDOFF_FD 3

/* Keeps the handoff, of all descriptors. The dynamic linker may have something to
 * say too, and stderr is the host's. */
static void handoff_descriptor(long fd)
{
	long null;

	if (fd != HANDOFF_FD)
		SYS2(__NR_dup2, fd, HANDOFF_FD);
	SYS3(__NR_fcntl, HANDOFF_FD, F_SETFD, 0);
	null = SYS3(__NR_openat, AT_FDCWD, "/dev/null", O_RDWR);
	for (int i = 0; i < HANDOFF_FD; i++)
		if (failed(SYS2(__NR_dup2, null, i)))
			SYS1(__NR_close, i);
	SYS3(__NR_close_range, HANDOFF_FD + 1, ~0u, 0);
}

/* In the parent's memory, on a stack of its own, all signals blocked. */
static int fresh_main(void *arg)
{
	const struct fresh *f = arg;
	char *none[] = {0};

	default_handlers();
	handoff_descriptor(f->fd);
	set_signals(f->mask);
	SYS3(__NR_execve, f->path, f->argv, none);
	SYS1(__NR_exit, 127);
	return 0;
}

/* clone(CLONE_VM | CLONE_VFORK) onto another stack: fn(arg) runs there while we wait. */
static long vfork_on(void *stack_top, int (*fn)(void *), void *arg)
{
	long r;
	register long r8 __asm__("r8") = 0;
	register long r10 __asm__("r10") = 0;
	register void *r12 __asm__("r12") = (void *)fn;
	register void *r13 __asm__("r13") = arg;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "ud2\n"
			 "1:"
			 : "=a"(r)
			 : "0"((long)__NR_clone), "D"((long)(CLONE_VM | CLONE_VFORK | CLONE_UNTRACED)), "S"(stack_top), "d"(0), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
			 : "rcx", "r11", "memory");
	return r;
}

void compile_in_process(long fd, const char *interp, const char *self, struct outcome *o)
{
	static u8 stack[8192] __attribute__((aligned(16)));
	char *argv[] = {(char *)interp, (char *)self, "compile", 0};
	struct fresh f = {fd, 0, interp, argv};
	long pid;

	*o = (struct outcome){0, 0};
	if (!block_signals(&f.mask)) {
		o->what = no_blocking;
		return;
	}
	pid = vfork_on(stack + sizeof stack, fresh_main, &f);
	if (failed(pid))
		*o = (struct outcome){"no process can be made to compile in", (u32)-pid};
	else
		wait_for(pid, o);
	set_signals(f.mask);
}

/* ---- this file as a program ---- */

/* argv: agent "compile"; the handoff is HANDOFF_FD. Reached from start.S. */
HIDDEN void bpftime_compiler_main(long argc, char **argv)
{
	static const char usage[] = "libbpftime-agent.so is loaded with LD_PRELOAD; BPFTIME_MANIFEST names what to attach.\n";
	struct handoff *h = 0;

	if (argc == 2 && str_eq(argv[1], "compile") && take_go_start()) {
		compiler_deadline();
		h = handoff_given(HANDOFF_FD);
	}
	if (!h || h->magic != HANDOFF_MAGIC) {
		SYS3(__NR_write, 2, usage, sizeof usage - 1);
		SYS1(__NR_exit_group, 2);
	}
	start_go();
	bpftimeCompile(h);
	SYS1(__NR_exit_group, 0);
}
