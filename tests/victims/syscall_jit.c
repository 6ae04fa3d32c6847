/* System calls of code that was written at run time: nobody can have rewritten it. The
 * argument says from where they are made; what the program finds wrong it prints. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define CALLS 50 /* of getppid, by each who makes some */
#define CHECK(c) check(c, __LINE__, #c)

static int failures;

static void check(int good, int line, const char *what)
{
	if (good)
		return;
	printf("line %d: not %s; errno %d\n", line, what, errno);
	failures++;
}

/* A system call, of four arguments; and one by int $0x80, of none. */
static long (*jit)(long, long, long, long, long);
static int (*jit80)(int);

static void write_code(void)
{
	static const uint8_t call[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x48, 0x89, 0xca, 0x4d, 0x89, 0xc2, 0x0f, 0x05, 0xc3};
	static const uint8_t call80[] = {0x53, 0x89, 0xf8, 0xcd, 0x80, 0x5b, 0xc3};
	uint8_t *page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	memcpy(page, call, sizeof call);
	memcpy(page + 64, call80, sizeof call80);
	jit = (long (*)(long, long, long, long, long))page;
	jit80 = (int (*)(int))(page + 64);
}

/* getppid is called by nobody else: it is counted. */
static void calls(void)
{
	for (int i = 0; i < CALLS; i++)
		CHECK(jit(SYS_getppid, 0, 0, 0, 0) > 0);
}

static void want_exit(pid_t pid, int code)
{
	int status = -1;

	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

static void *in_thread(void *arg)
{
	((void (*)(void))arg)();
	return 0;
}

static void by_thread(void (*f)(void))
{
	pthread_t t;

	CHECK(!pthread_create(&t, 0, in_thread, (void *)f));
	CHECK(!pthread_join(t, 0));
}

static void by_child(void (*f)(void))
{
	pid_t pid = fork();

	if (!pid) {
		f();
		_exit(failures ? 1 : 7);
	}
	want_exit(pid, 7);
}

static void alone(void) { calls(); }
static void thread(void) { by_thread(calls), calls(); }
static void child(void) { by_child(calls), calls(); }
static void child_thread(void) { by_thread(calls); }
static void grandchild(void) { by_child(child_thread), calls(); }

/* A child that shares all, and that nobody covers; then its parent goes on. */
static void vforks(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(jit(SYS_getpid, 0, 0, 0, 0) > 0 ? 7 : 1);
	want_exit(pid, 7);
	calls();
}

/* The code forks by itself. It is covered again behind the next that is rewritten. */
static void forks(void)
{
	pid_t pid = (pid_t)jit(SYS_fork, 0, 0, 0, 0);

	if (!pid)
		_exit(7);
	want_exit(pid, 7);
	by_child(calls);
	calls();
}

static volatile int handled;
static void handler(int sig) { handled += sig; }

static void mask_is(int sig, int blocked)
{
	uint64_t now = 0;

	CHECK(!jit(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&now, 8));
	CHECK((int)(now >> (sig - 1) & 1) == blocked);
}

/* Who blocks SIGSYS sees it blocked, and is not killed by the next call. */
static void masks(void)
{
	uint64_t all = ~0ul, none = 0;

	signal(SIGSYS, handler);
	CHECK(!jit(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, 0, 8));
	mask_is(SIGSYS, 1);
	calls();
	raise(SIGSYS);
	CHECK(!handled);
	CHECK(!jit(SYS_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, 8));
	CHECK(handled == SIGSYS);
	mask_is(SIGSYS, 0);
}

static void in_handler(int sig)
{
	(void)sig;
	calls();
}

static void blocks(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGSYS);
}

/* A handler returns to a thread that has SIGSYS blocked. */
static void edits(void)
{
	struct sigaction sa = {.sa_sigaction = blocks, .sa_flags = SA_SIGINFO};

	CHECK(!sigaction(SIGUSR1, &sa, 0));
	CHECK(!raise(SIGUSR1));
	mask_is(SIGSYS, 1);
	calls();
}

/* Where the libc notes the thread's id, which fork has the kernel fill in. */
static uint64_t noted_id(void)
{
	int *word = (int *)pthread_self();

	for (int i = 0; i < 512; i++)
		if (word[i] == gettid())
			return (uint64_t)&word[i];
	CHECK(!"found");
	return 0;
}

/* A child as of fork, but with no handler of its parent's. */
static void cleared(void)
{
	uint64_t args[8] = {0x101000000 /* CLONE_CLEAR_SIGHAND, CLONE_CHILD_SETTID */, 0, noted_id(), 0, SIGCHLD};
	pid_t pid = (pid_t)syscall(SYS_clone3, args, sizeof args);

	if (!pid)
		_exit(jit(SYS_getpid, 0, 0, 0, 0) > 0 ? 7 : 1);
	want_exit(pid, 7);
	calls();
}

/* On another stack, from a handler; and the handler's return is a call that is not rewritten. */
static void handlers(void)
{
	static char stack[65536];
	stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction sa = {.sa_handler = in_handler, .sa_flags = SA_ONSTACK};

	CHECK(!sigaltstack(&other, 0));
	CHECK(!sigaction(SIGUSR1, &sa, 0));
	CHECK(!raise(SIGUSR1));
	calls();
}

static void on_alarm(int sig) { handled = sig; }

/* A call that waits is interrupted, and made again where the host wants that. */
static void waits(void)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	int fds[2];
	char c;

	CHECK(!pipe(fds));
	CHECK(!sigaction(SIGALRM, &sa, 0));
	ualarm(2000, 0);
	CHECK(jit(SYS_read, fds[0], (long)&c, 1, 0) == -EINTR && handled == SIGALRM);
	calls();
}

/* The kernel's other entry, by which calls have other numbers: 20 is getpid. */
static void old(void)
{
	CHECK(jit80(20) == getpid());
	by_child(calls);
	calls();
}

/* Nothing that the CPU has is lost, but for what a call changes. */
static void vectors(void)
{
	uint64_t in[4] = {1, 2, 3, 4}, out[4] = {0};
	long r = SYS_getppid;

	for (int i = 0; i < CALLS; i++) {
		in[i % 4] = (uint64_t)i * 0x123456789abcdef;
		__asm__ volatile("vmovdqu %2, %%ymm7; mov %3, %%rdi; call *%4; vmovdqu %%ymm7, %1; vzeroupper"
			: "=a"(r), "=m"(out) : "m"(in), "i"(SYS_getppid), "r"(jit)
			: "rcx", "r11", "rdi", "rsi", "rdx", "r10", "ymm7", "memory");
		CHECK(r > 0 && !memcmp(in, out, sizeof in));
	}
}

/* A filter that kills for prctl: nobody may call it for the host. What is made then is not dispatched. */
static void filtered(void (*install)(struct sock_fprog *))
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

	calls();
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	install(&program);
	CHECK(jit(SYS_getpid, 0, 0, 0, 0) == getpid());
}

static void by_seccomp(struct sock_fprog *p) { CHECK(!jit(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)p, 0)); }
static void by_prctl(struct sock_fprog *p) { CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, p)); }
static void nothing(void) {}
static void filters(void) { filtered(by_seccomp), by_child(nothing), by_thread(nothing); }
static void prctls(void) { filtered(by_prctl), by_child(nothing), by_thread(nothing); }

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} from[] = {
		{"alone", alone}, {"thread", thread}, {"child", child}, {"grandchild", grandchild}, {"vforks", vforks}, {"forks", forks}, {"masks", masks}, {"edits", edits}, {"cleared", cleared},
		{"handlers", handlers}, {"waits", waits}, {"old", old}, {"vectors", vectors}, {"filters", filters}, {"prctls", prctls},
	};

	write_code();
	for (unsigned i = 0; argc == 2 && i < sizeof from / sizeof *from; i++)
		if (!strcmp(argv[1], from[i].name)) {
			from[i].run();
			printf("%s: %d\n", argv[1], failures);
			return failures != 0;
		}
	return 2;
}
