/* What a host sees of its signals, with one of them its own or ours.
 *
 *   views SCENARIO plain|owned trap|segv|bus
 *
 * The same system calls, made as they are or through the thunk of rewritten sites
 * (internal/native/syscall.S). What is printed must be the same. When owned, a function
 * that begins with an int3 of ours is called at every turn: it must return, whatever
 * the host has done to SIGTRAP. In a process with the agent and traps, so it is as well
 * with tiny(). With SIGSEGV and SIGBUS, memory that is not there is read at every turn:
 * an error, whatever the host has done to them; with the agent that is done by a program
 * at touch(). */
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

#include "bpf.h"

static int owned;
static int subject = SIGTRAP; /* the signal that this is about */

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

/* A program at touch() reads 8 bytes at both addresses, and writes what that said: the results, and what was at `good`. */
long touch(const void *good, const void *bad, volatile long *results, const void *hole);
__asm__(".pushsection .text; .globl touch; .type touch, @function; touch: xor %eax, %eax; nopl 0(%rax); ret; .size touch, .-touch; .popsection");

static char small[16384] __attribute__((aligned(64))); /* an alternate stack */

static int on_small(const void *p) { return (const char *)p >= small && (const char *)p < small + sizeof small; }

static const void *hole; /* behind the end of a file that is mapped: SIGBUS */
static const long there = 0x1122334455667788;

/* What a program does, and where it may not fault asks the kernel for. */
static void read_as_program(void)
{
	volatile u64 frame[FRAME_RA / 8 + 1];
	u64 (*read)(u64, u64, u64, u64, u64, u64) = (u64 (*)(u64, u64, u64, u64, u64, u64))bpftime_bpf_helper(4);
	u64 v = 1, ctx = (u64)frame + FRAME_REGS;

	frame[FRAME_THREAD / 8] = (u64)&bpftime_self;
	if (read((u64)&v, 8, (u64)hole, 0, 0, ctx) != (u64)-EFAULT || v || read((u64)&v, 8, 8, 0, 0, ctx) != (u64)-EFAULT ||
	    read((u64)&v, 8, (u64)&there, 0, 0, ctx) || v != (u64)there)
		_exit(96);
}

long bpftime_guarded_copy(void *to, const void *from, u64 n);

static void reads(void)
{
	volatile long results[6] = {0};
	char name[16] = {0};
	long v;

	touch(&there, (void *)8, results, hole);
	if (results[0] && (results[0] != 1 || results[1] != there || results[2] != -EFAULT || results[3] != -EFAULT))
		_exit(95);
	syscall(SYS_prctl, 16 /* PR_GET_NAME */, name);
	if (results[0] && memcmp((const void *)&results[4], name, sizeof name))
		_exit(92);
	if (!owned || on_small(&v)) /* a second frame has no room there; a thunk knows by the lease */
		return;
	if (bpftime_guarded_copy(&v, (void *)8, 8) != -EFAULT || bpftime_guarded_copy(&v, hole, 8) != -EFAULT ||
	    bpftime_guarded_copy(&v, &there, 8) || v != there)
		_exit(94);
	read_as_program();
}

static int turns;

static void turn(void)
{
	__atomic_fetch_add(&turns, 1, __ATOMIC_RELAXED);
	if (subject != SIGTRAP)
		return reads();
	if (on_small(__builtin_frame_address(0)))
		return; /* a second frame has no room there: such a trap kills */
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
	show("block", set_mask(SIG_BLOCK, BIT(subject) | BIT(SIGUSR1)));
	show("blocked", mask_now());
	show("unblock", set_mask(SIG_UNBLOCK, BIT(subject)));
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
static void *volatile fault_at;

static void handler(int sig, siginfo_t *info, void *uc)
{
	handled += sig;
	code = info->si_code;
	fault_at = code > 0 ? info->si_addr : 0;
	if (code > 0 && sig == subject && sig != SIGTRAP)
		((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP] += 2; /* behind the load of broken_load */
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
	const int sigs[] = {subject, SIGUSR1, SIGCHLD};

	for (unsigned i = 0; i < sizeof sigs / sizeof *sigs; i++) {
		show("set", (unsigned long)set_action(sigs[i], handler, SA_SIGINFO, BIT(subject) | BIT(SIGHUP), &old));
		show_action("first", &old);
		show("set", (unsigned long)set_action(sigs[i], (void *)1, 0, BIT(SIGHUP), &old));
		show_action("second", &old);
		show("get", (unsigned long)kernel(SYS_rt_sigaction, sigs[i], 0, (long)&old, 8, 0, 0));
		show_action("third", &old);
		show("bad act", (unsigned long)kernel(SYS_rt_sigaction, sigs[i], 8, 0, 8, 0, 0));
		show("bad old", (unsigned long)kernel(SYS_rt_sigaction, sigs[i], 0, 8, 8, 0, 0));
		show("bad size", (unsigned long)kernel(SYS_rt_sigaction, sigs[i], 0, 0, 16, 0, 0));
	}
	set_action(subject, handler, SA_SIGINFO | SA_RESTART | SA_ONSTACK, ~0ul, 0);
	show("get", (unsigned long)kernel(SYS_rt_sigaction, subject, 0, (long)&old, 8, 0, 0));
	show_action("all blocked", &old);
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
	set_action(subject, handler, SA_SIGINFO, BIT(SIGHUP), 0);
	set_action(SIGUSR1, handler, SA_SIGINFO, BIT(SIGHUP), 0);
	send(subject);
	show_handled("sent");
	send(SIGUSR1);
	show_handled("another");
	set_mask(SIG_BLOCK, BIT(subject));
	send(subject);
	show_handled("sent while blocked");
	set_mask(SIG_UNBLOCK, BIT(subject));
	show_handled("unblocked");
	set_action(subject, handler, SA_SIGINFO | SA_NODEFER | SA_RESETHAND, 0, 0);
	send(subject);
	show_handled("with NODEFER and RESETHAND");
	struct action old = {0};
	kernel(SYS_rt_sigaction, subject, 0, (long)&old, 8, 0, 0);
	printf("afterwards %s\n", old.handler ? "set" : "default");
	set_action(subject, (void *)1, 0, 0, 0);
	send(subject);
	show_handled("ignored");
}

int broken_trap(int v);
int broken_load(int v, const void *at);
__asm__("broken_trap: .byte 0xcc; lea 2(%rdi), %eax; ret\n"
	"broken_load: mov (%rsi), %eax; lea 2(%rdi), %eax; ret");

static int broken(int v)
{
	return subject == SIGTRAP ? broken_trap(v) : broken_load(v, subject == SIGBUS ? hole : (void *)0x123);
}

/* A fault of the host's own. */
static void breakpoint(void)
{
	set_action(subject, handler, SA_SIGINFO, 0, 0);
	printf("%d\n", broken(5));
	show_handled("its own fault");
	printf("at %s\n", fault_at == hole ? "the hole" : fault_at == (void *)0x123 ? "0x123" : "the instruction");
	set_action(subject, handler, SA_SIGINFO | SA_NODEFER, BIT(SIGHUP), 0);
	printf("%d\n", broken(6));
	show_handled("another");
}

/* ---- stacks ---- */

static volatile int was_on_small;

static void where(int sig, siginfo_t *info, void *uc)
{
	char here;

	was_on_small = on_small(&here);
	handler(sig, info, uc);
}

static void use_small(unsigned long size)
{
	stack_t s = {.ss_sp = small, .ss_size = size};

	if (sigaltstack(&s, 0))
		_exit(93);
}

/* As little as the kernel takes, and what the handler itself needs. */
static void alternate(void)
{
	static const unsigned long flags[] = {SA_ONSTACK, 0, SA_ONSTACK | SA_NODEFER};
	static const int sigs[] = {SIGUSR1, 0};

	use_small((unsigned long)sysconf(_SC_MINSIGSTKSZ) + 1536);
	for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
		set_action(subject, where, SA_SIGINFO | flags[i], 0, 0);
		printf("%d\n", broken(1));
		printf("on the alternate stack %d\n", was_on_small), show_handled("fault");
		send(subject);
		printf("on the alternate stack %d\n", was_on_small), show_handled("sent");
		for (unsigned k = 0; k < 2; k++) {
			set_action(sigs[k] ? sigs[k] : SIGUSR2, where, SA_SIGINFO | flags[i], 0, 0);
			send(sigs[k] ? sigs[k] : SIGUSR2);
			printf("on the alternate stack %d\n", was_on_small), show_handled("another");
		}
	}
}

static void overflown(int sig, siginfo_t *info, void *uc)
{
	unsigned long sp = (unsigned long)((ucontext_t *)uc)->uc_mcontext.gregs[REG_RSP];

	turn();
	_exit(sig == SIGSEGV && (unsigned long)info->si_addr - sp + 65536 < 131072 ? 42 : 41);
}

static int (*volatile again)(volatile int *p);

static int deeper(volatile int *p)
{
	volatile int room[512];

	room[0] = *p;
	return again(room) + room[0];
}

/* The stack ends: its handler has another, or none. */
static void overflow(void)
{
	for (int i = 0; i < 3; i++) {
		int status = 0, v = 1;
		pid_t pid = fork();

		if (!pid) {
			struct { unsigned long soft, hard; } limit = {1 << 18, 1 << 18};
			syscall(SYS_setrlimit, 3 /* RLIMIT_STACK */, &limit);
			if (i < 2)
				use_small(sizeof small);
			if (i != 1)
				set_action(subject, overflown, SA_SIGINFO | SA_ONSTACK, 0, 0);
			again = deeper;
			_exit(deeper(&v));
		}
		waitpid(pid, &status, 0);
		show("status", (unsigned long)status & 0xff7f);
	}
}

static void wait_until_asleep(pid_t pid)
{
	char path[64], line[512], *state;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	do {
		FILE *f = fopen(path, "r");

		state = fgets(line, sizeof line, f) ? strrchr(line, ')') : 0;
		fclose(f);
	} while (!state || state[2] != 'S');
}

static void sleep_through(unsigned long flags)
{
	pid_t parent = gettid(), pid;
	int status;

	set_action(subject, handler, SA_SIGINFO | flags, 0, 0);
	pid = fork();
	if (!pid) {
		wait_until_asleep(parent);
		syscall(SYS_tgkill, getppid(), parent, subject);
		usleep(300000);
		_exit(3);
	}
	long r = kernel(SYS_wait4, pid, (long)&status, 0, 0, 0, 0);
	show(r == pid ? "waited" : "interrupted", (unsigned long)(r == pid ? 0 : r));
	if (r != pid)
		waitpid(pid, &status, 0);
	show_handled("meanwhile");
}

static void restarts(void)
{
	sleep_through(0);
	sleep_through(SA_RESTART);
}

/* What a thread calls itself, or is called: a program knows at once. */
static void names(void)
{
	char name[16];

	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "name %d", i);
		if (i % 2)
			kernel(SYS_prctl, 15 /* PR_SET_NAME */, (long)name, 0, 0, 0, 0);
		else
			pthread_setname_np(pthread_self(), name);
		turn();
		turn();
	}
}

static void caught(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");

	while (fgets(line, sizeof line, f))
		if (!strncmp(line, "SigCgt", 6))
			printf("%lx\n", strtoul(line + 7, 0, 16) & (BIT(SIGTRAP) | BIT(SIGSEGV) | BIT(SIGBUS)));
	turn();
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

static void by_sending(void) { send(subject); }
static void by_fault(void) { broken(1); }
static void by_blocked_fault(void)
{
	set_action(subject, handler, SA_SIGINFO, 0, 0);
	set_mask(SIG_BLOCK, BIT(subject));
	broken(1);
}
static void by_ignored_fault(void)
{
	set_action(subject, (void *)1, 0, 0, 0);
	broken(1);
}
static void in_handler(int sig, siginfo_t *info, void *uc) { (void)sig, (void)info, (void)uc, broken(1); }
static void by_nested_fault(void)
{
	set_action(subject, in_handler, SA_SIGINFO, 0, 0);
	broken(1);
}

static void deaths(void)
{
	show("default, sent", (unsigned long)status_of(by_sending));
	show("default, fault", (unsigned long)status_of(by_fault));
	show("blocked fault", (unsigned long)status_of(by_blocked_fault));
	show("ignored fault", (unsigned long)status_of(by_ignored_fault));
	show("fault in its own handler", (unsigned long)status_of(by_nested_fault));
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
	set_mask(SIG_SETMASK, BIT(SIGUSR2) | BIT(subject));
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
	char *argv[] = {self, "show", "plain", subject == SIGTRAP ? "trap" : subject == SIGBUS ? "bus" : "segv", 0};

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
	set_mask(SIG_BLOCK, BIT(subject) | BIT(SIGUSR1));
	pid_t pid = fork();
	if (!pid)
		exec_show();
	wait_for(pid);
	set_mask(SIG_SETMASK, 0);
	set_action(subject, (void *)1, 0, 0, 0);
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
	set_mask(SIG_SETMASK, BIT(subject) | BIT(SIGUSR2));
	turn();
	exec_show();
	return 1;
}

static void spawns(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	set_action(subject, handler, SA_SIGINFO, 0, 0);
	unsigned long before = set_mask(SIG_BLOCK, ~0ul);
	pid_t pid = clone(spawned, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, 0);
	set_mask(SIG_SETMASK, before);
	wait_for(pid);
	show("the parent's", mask_now());
	send(subject);
	show_handled("the parent's handler");
}

static void *in_thread(void *arg)
{
	unsigned long mine = BIT(SIGUSR1 + (int)(intptr_t)arg % 2 * 2) | ((intptr_t)arg % 3 ? BIT(subject) : 0), wrong = 0;

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

	kernel(SYS_rt_sigaction, subject, 0, (long)&act, 8, 0, 0);
	show("mask", mask_now());
	show("its handler", (unsigned long)act.handler);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {{"masks", masks}, {"actions", actions}, {"sent", sent}, {"breakpoint", breakpoint}, {"deaths", deaths},
		 {"waits", waits}, {"execs", execs}, {"spawns", spawns}, {"threads", threads}, {"alternate", alternate},
		 {"overflow", overflow}, {"restarts", restarts}, {"names", names}, {"caught", caught}, {"show", shown}};

/* Where this libc keeps a thread's id, as the agent finds it (preload/session.c). */
static void find_tid(void)
{
	uint64_t fs = fs_base();

	for (uint32_t at = 0; at < 2048; at += 4)
		if (*(volatile int *)(fs + at) == gettid() && !bpftime_resident.tid_offset)
			bpftime_resident.tid_offset = at;
}

static void make_hole(void)
{
	int fd = memfd_create("hole", 0);

	hole = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	subject = !strcmp(argv[3], "segv") ? SIGSEGV : !strcmp(argv[3], "bus") ? SIGBUS : SIGTRAP;
	make_hole();
	self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
	find_tid();
	owned = !strcmp(argv[2], "owned");
	if (owned && subject == SIGTRAP && (bpftime_trap_own() || !bpftime_trap_add((u64)trapped, (u64)trapped_stub)))
		return 97;
	if (owned && subject != SIGTRAP && bpftime_reads_own())
		return 97;
	for (unsigned i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		if (!strcmp(argv[1], scenarios[i].name))
			scenarios[i].run();
	printf("turns %d\n", turns);
	return 0;
}
