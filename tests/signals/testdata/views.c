/* What a host sees of its signals, with SIGTRAP its own or ours.
 *
 *   views SCENARIO plain|owned
 *
 * The same system calls, made as they are or through the thunk of rewritten sites
 * (internal/native/syscall.S). What is printed must be the same. When owned, a function
 * that begins with an int3 of ours is called at every turn: it must return, whatever
 * the host has done to SIGTRAP. In a process with the agent and traps, so it is as well
 * with tiny(). */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "native.h"

static int owned;

/* ---- system calls ---- */

static long kernel(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long r;

	if (owned)
		__asm__ volatile("lea -128(%%rsp), %%rsp; call bpftime_syscall_guard; lea 128(%%rsp), %%rsp"
				 : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	else
		__asm__ volatile("syscall; nopl 0(%%rax)" /* room for a jump */ : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return r;
}

struct action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

void restorer(void);
__asm__("restorer: mov $15, %rax; syscall");

#define BIT(sig) (1ul << ((sig)-1))

static long set_action(int sig, void *handler, unsigned long flags, unsigned long mask, struct action *old)
{
	struct action act = {handler, flags | 0x04000000, restorer, mask};

	return kernel(SYS_rt_sigaction, sig, (long)&act, (long)old, 8, 0, 0);
}

static unsigned long mask_now(void)
{
	unsigned long old = 0;

	kernel(SYS_rt_sigprocmask, 0, 0, (long)&old, 8, 0, 0);
	return old;
}

static unsigned long set_mask(int how, unsigned long set)
{
	unsigned long old = 0;
	long r = kernel(SYS_rt_sigprocmask, how, (long)&set, (long)&old, 8, 0, 0);

	return r ? (unsigned long)r : old;
}

/* ---- what is ours ---- */

int trapped(int v);
int trapped_stub(int v);
__asm__("trapped: .byte 0xcc; ret\n"
	"trapped_stub: lea 1(%rdi), %eax; ret");

/* One byte and no padding: what a manifest with `traps: true` puts an int3 of ours on. */
void tiny(void);
__asm__(".pushsection .text; .type before_tiny, @function; before_tiny: int3; .size before_tiny, .-before_tiny\n"
	".globl tiny; .type tiny, @function; tiny: ret; .size tiny, .-tiny\n"
	".type behind_tiny, @function; behind_tiny: xor %eax, %eax; ret; .size behind_tiny, .-behind_tiny; .popsection");

static int turns;

static void turn(void)
{
	__atomic_fetch_add(&turns, 1, __ATOMIC_RELAXED);
	tiny();
	if (owned && trapped(41) != 42)
		_exit(99);
}

static void show(const char *what, unsigned long v)
{
	turn();
	printf("%s %#lx\n", what, v);
	fflush(stdout);
}

/* ---- scenarios ---- */

static void masks(void)
{
	show("at first", mask_now());
	show("block", set_mask(SIG_BLOCK, BIT(SIGTRAP) | BIT(SIGUSR1)));
	show("blocked", mask_now());
	show("unblock", set_mask(SIG_UNBLOCK, BIT(SIGTRAP)));
	show("set", set_mask(SIG_SETMASK, ~0ul));
	show("all", mask_now());
	show("none", set_mask(SIG_SETMASK, 0));
	show("again", mask_now());
	show("bad how", (unsigned long)kernel(SYS_rt_sigprocmask, 9, (long)&(unsigned long){1}, 0, 8, 0, 0));
	show("bad set", (unsigned long)kernel(SYS_rt_sigprocmask, 0, 8, 0, 8, 0, 0));
	show("bad old", (unsigned long)kernel(SYS_rt_sigprocmask, 0, 0, 8, 8, 0, 0));
	show("bad size", (unsigned long)kernel(SYS_rt_sigprocmask, 0, (long)&(unsigned long){1}, 0, 4, 0, 0));
	show("unchanged", mask_now());
}

static volatile int handled, code;
static volatile unsigned long inside, interrupted;

static void handler(int sig, siginfo_t *info, void *uc)
{
	handled += sig;
	code = info->si_code;
	inside = mask_now();
	interrupted = *(unsigned long *)&((ucontext_t *)uc)->uc_sigmask;
	turn();
}

static void show_action(const char *what, const struct action *a)
{
	printf("%s %s %#lx %#lx\n", what, a->handler == (void *)0 ? "default" : a->handler == (void *)1 ? "ignore" : "handler", a->flags, a->mask);
	turn();
}

static void actions(void)
{
	struct action old = {0};
	static const int sigs[] = {SIGTRAP, SIGUSR1, SIGCHLD};

	for (unsigned i = 0; i < sizeof sigs / sizeof *sigs; i++) {
		show("set", (unsigned long)set_action(sigs[i], handler, SA_SIGINFO, BIT(SIGTRAP) | BIT(SIGHUP), &old));
		show_action("first", &old);
		show("set", (unsigned long)set_action(sigs[i], (void *)1, 0, BIT(SIGHUP), &old));
		show_action("second", &old);
		show("get", (unsigned long)kernel(SYS_rt_sigaction, sigs[i], 0, (long)&old, 8, 0, 0));
		show_action("third", &old);
		show("bad act", (unsigned long)kernel(SYS_rt_sigaction, sigs[i], 8, 0, 8, 0, 0));
		show("bad old", (unsigned long)kernel(SYS_rt_sigaction, sigs[i], 0, 8, 8, 0, 0));
		show("bad size", (unsigned long)kernel(SYS_rt_sigaction, sigs[i], 0, 0, 16, 0, 0));
	}
	show("signal 0", (unsigned long)kernel(SYS_rt_sigaction, 0, 0, (long)&old, 8, 0, 0));
	show("signal 65", (unsigned long)kernel(SYS_rt_sigaction, 65, 0, (long)&old, 8, 0, 0));
	show("SIGKILL", (unsigned long)set_action(SIGKILL, handler, 0, 0, 0));
}

static void send(int sig) { syscall(SYS_tgkill, getpid(), gettid(), sig); }

static void show_handled(const char *what)
{
	printf("%s: %d, code %d, inside %#lx, interrupted %#lx, now %#lx\n", what, handled, code, inside, interrupted, mask_now());
	turn();
}

static void sent(void)
{
	set_action(SIGTRAP, handler, SA_SIGINFO, BIT(SIGHUP), 0);
	set_action(SIGUSR1, handler, SA_SIGINFO, BIT(SIGHUP), 0);
	send(SIGTRAP);
	show_handled("sent");
	send(SIGUSR1);
	show_handled("another");
	set_mask(SIG_BLOCK, BIT(SIGTRAP));
	send(SIGTRAP);
	show_handled("sent while blocked");
	set_mask(SIG_UNBLOCK, BIT(SIGTRAP));
	show_handled("unblocked");
	set_action(SIGTRAP, handler, SA_SIGINFO | SA_NODEFER | SA_RESETHAND, 0, 0);
	send(SIGTRAP);
	show_handled("with NODEFER and RESETHAND");
	struct action old = {0};
	kernel(SYS_rt_sigaction, SIGTRAP, 0, (long)&old, 8, 0, 0);
	printf("afterwards %s\n", old.handler ? "set" : "default");
	set_action(SIGTRAP, (void *)1, 0, 0, 0);
	send(SIGTRAP);
	show_handled("ignored");
}

int broken(int v);
__asm__("broken: .byte 0xcc; lea 2(%rdi), %eax; ret");

/* A breakpoint of the host's own. */
static void breakpoint(void)
{
	set_action(SIGTRAP, handler, SA_SIGINFO, 0, 0);
	printf("%d\n", broken(5));
	show_handled("its own int3");
}

static int status_of(void (*child)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		child();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status & 0x7f;
}

static void by_sending(void) { send(SIGTRAP); }
static void by_int3(void) { broken(1); }
static void by_blocked_int3(void)
{
	set_action(SIGTRAP, handler, SA_SIGINFO, 0, 0);
	set_mask(SIG_BLOCK, BIT(SIGTRAP));
	broken(1);
}
static void by_ignored_int3(void)
{
	set_action(SIGTRAP, (void *)1, 0, 0, 0);
	broken(1);
}
static void in_handler(int sig, siginfo_t *info, void *uc) { (void)sig, (void)info, (void)uc, broken(1); }
static void by_nested_int3(void)
{
	set_action(SIGTRAP, in_handler, SA_SIGINFO, 0, 0);
	broken(1);
}

static void deaths(void)
{
	show("default, sent", (unsigned long)status_of(by_sending));
	show("default, int3", (unsigned long)status_of(by_int3));
	show("blocked int3", (unsigned long)status_of(by_blocked_int3));
	show("ignored int3", (unsigned long)status_of(by_ignored_int3));
	show("int3 in its own handler", (unsigned long)status_of(by_nested_int3));
}

static void alarmed(int sig, siginfo_t *info, void *uc)
{
	handler(sig, info, uc);
}

static void arm(void)
{
	struct itimerval soon = {{0, 0}, {0, 20000}};

	setitimer(ITIMER_REAL, &soon, 0);
}

static void waits(void)
{
	unsigned long all = ~BIT(SIGALRM), *mask = &all;
	struct { unsigned long *set, size; } pair = {mask, 8};
	struct epoll_event event;
	int epoll = epoll_create1(0);

	set_action(SIGALRM, alarmed, SA_SIGINFO, 0, 0);
	set_mask(SIG_SETMASK, BIT(SIGUSR2) | BIT(SIGTRAP));
	arm(), show("sigsuspend", (unsigned long)kernel(SYS_rt_sigsuspend, (long)mask, 8, 0, 0, 0, 0));
	arm(), show("ppoll", (unsigned long)kernel(SYS_ppoll, 0, 0, 0, (long)mask, 8, 0));
	arm(), show("pselect6", (unsigned long)kernel(SYS_pselect6, 0, 0, 0, 0, 0, (long)&pair));
	arm(), show("epoll_pwait", (unsigned long)kernel(SYS_epoll_pwait, epoll, (long)&event, 1, -1, (long)mask, 8));
	arm(), show("epoll_pwait2", (unsigned long)kernel(441, epoll, (long)&event, 1, 0, (long)mask, 8));
	show("no mask", (unsigned long)kernel(SYS_ppoll, 0, 0, (long)&(struct timespec){0, 1}, 0, 8, 0));
	show("bad mask", (unsigned long)kernel(SYS_ppoll, 0, 0, (long)&(struct timespec){0, 1}, 8, 8, 0));
	show("handled", (unsigned long)handled);
	show("now", mask_now());
}

static char self[4096];

static void exec_show(void)
{
	char *argv[] = {self, "show", "plain", 0};

	kernel(SYS_execve, (long)"/nonexistent", (long)argv, (long)environ, 0, 0, 0);
	turn();
	kernel(SYS_execve, (long)self, (long)argv, (long)environ, 0, 0, 0);
	_exit(98);
}

static void wait_for(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	show("status", (unsigned long)status);
}

static void execs(void)
{
	set_mask(SIG_BLOCK, BIT(SIGTRAP) | BIT(SIGUSR1));
	pid_t pid = fork();
	if (!pid)
		exec_show();
	wait_for(pid);
	set_mask(SIG_SETMASK, 0);
	set_action(SIGTRAP, (void *)1, 0, 0, 0);
	if (!(pid = fork()))
		exec_show();
	wait_for(pid);
	show("the parent's", mask_now());
}

/* As posix_spawn does: everything blocked, then a child that shares the memory. */
static int spawned(void *arg)
{
	struct action old;

	(void)arg;
	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			set_action(sig, (void *)0, 0, 0, &old);
	turn();
	set_mask(SIG_SETMASK, BIT(SIGTRAP) | BIT(SIGUSR2));
	turn();
	exec_show();
	return 1;
}

static void spawns(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	set_action(SIGTRAP, handler, SA_SIGINFO, 0, 0);
	unsigned long before = set_mask(SIG_BLOCK, ~0ul);
	pid_t pid = clone(spawned, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, 0);
	set_mask(SIG_SETMASK, before);
	wait_for(pid);
	show("the parent's", mask_now());
	send(SIGTRAP);
	show_handled("the parent's handler");
}

static void *in_thread(void *arg)
{
	unsigned long mine = BIT(SIGUSR1 + (int)(intptr_t)arg % 2 * 2) | ((intptr_t)arg % 3 ? BIT(SIGTRAP) : 0), wrong = 0;

	set_mask(SIG_SETMASK, 0);
	for (int i = 0; i < 2000; i++) {
		set_mask(SIG_SETMASK, mine);
		turn();
		wrong += mask_now() != mine;
	}
	return (void *)wrong;
}

static void threads(void)
{
	pthread_t t[8];
	void *wrong;

	for (intptr_t i = 0; i < 8; i++)
		pthread_create(&t[i], 0, in_thread, (void *)i);
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], &wrong);
		show("wrong", (unsigned long)wrong);
	}
}

/* What a program that was executed got. */
static void shown(void)
{
	struct action act = {0};

	kernel(SYS_rt_sigaction, SIGTRAP, 0, (long)&act, 8, 0, 0);
	show("mask", mask_now());
	show("SIGTRAP", (unsigned long)act.handler);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {{"masks", masks}, {"actions", actions}, {"sent", sent}, {"breakpoint", breakpoint}, {"deaths", deaths},
		 {"waits", waits}, {"execs", execs}, {"spawns", spawns}, {"threads", threads}, {"show", shown}};

/* Where this libc keeps a thread's id, as the agent finds it (preload/session.c). */
static void find_tid(void)
{
	uint64_t fs = fs_base();

	for (uint32_t at = 0; at < 2048; at += 4)
		if (*(volatile int *)(fs + at) == gettid() && !bpftime_resident.tid_offset)
			bpftime_resident.tid_offset = at;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
	find_tid();
	owned = !strcmp(argv[2], "owned");
	if (owned && (bpftime_trap_own() || !bpftime_trap_add((u64)trapped, (u64)trapped_stub)))
		return 97;
	for (unsigned i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		if (!strcmp(argv[1], scenarios[i].name))
			scenarios[i].run();
	printf("turns %d\n", turns);
	return 0;
}
