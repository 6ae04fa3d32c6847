/* System calls that come back twice, elsewhere, never, later or again, one hazard each. The
 * name of one is the argument; what the program finds wrong it prints. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

extern char **environ;

#define TIMES 20
#define CHECK(c) check(c, __LINE__, #c)

static int failures;
static const char *self;

static void check(int good, int line, const char *what)
{
	if (good)
		return;
	printf("line %d: not %s; errno %d\n", line, what, errno);
	failures++;
}

static void want_exit(pid_t pid, int code)
{
	int status = -1;

	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

	CHECK(!sigaction(sig, &sa, 0));
}

/* SIGALRM in us microseconds, and then every `again`. */
static void alarm_in(int us, int again)
{
	struct itimerval it = {{0, again}, {0, us}};

	CHECK(!setitimer(ITIMER_REAL, &it, 0));
}

/* ---- come back twice ---- */

static void forks(void)
{
	for (int i = 0; i < TIMES; i++) {
		pid_t pid = i & 1 ? (pid_t)syscall(SYS_fork) : fork();

		if (!pid)
			_exit(getppid() > 0 ? 7 : 1);
		want_exit(pid, 7);
	}
}

static void raw_clone(void)
{
	for (int i = 0; i < TIMES; i++) {
		pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

		if (!pid)
			syscall(SYS_exit_group, getppid() > 0 ? 6 : 1);
		want_exit(pid, 6);
	}
}

/* The child's calls are made on the parent's stack, below and above the frame of vfork. */
static void vforks(void)
{
	char *argv[] = {"true", 0};

	for (volatile int i = 0; i < TIMES; i++) {
		volatile int shared = 3;
		pid_t pid = vfork();

		if (!pid) {
			shared = 4;
			getppid();
			if (i & 1)
				execve("/bin/true", argv, environ);
			_exit(write(-1, "", 1) == -1 ? 9 : 1);
		}
		want_exit(pid, i & 1 ? 0 : 9);
		CHECK(shared == 4);
	}
}

static void spawns(void)
{
	char *argv[] = {"true", 0};
	pid_t pid;

	for (int i = 0; i < TIMES; i++) {
		CHECK(!posix_spawn(&pid, "/bin/true", 0, 0, argv, environ));
		want_exit(pid, 0);
		CHECK(posix_spawn(&pid, "/nonexistent", 0, 0, argv, environ) == ENOENT);
	}
	CHECK(system("exit 3") == 3 << 8);
}

static void *calling(void *arg)
{
	for (int i = 0; i < 200; i++) {
		CHECK(getppid() > 0);
		sched_yield();
	}
	return arg;
}

static void threads(void)
{
	pthread_t t[8];
	void *result;

	for (int k = 0; k < TIMES; k++) {
		for (intptr_t i = 0; i < 8; i++)
			CHECK(!pthread_create(&t[i], 0, calling, (void *)i));
		for (intptr_t i = 0; i < 8; i++) {
			CHECK(!pthread_join(t[i], &result));
			CHECK(result == (void *)i);
		}
	}
}

static void small_stack(void)
{
	pthread_attr_t attr;
	pthread_t t;

	CHECK(!pthread_attr_init(&attr));
	CHECK(!pthread_attr_setstacksize(&attr, 16384));
	for (int i = 0; i < TIMES; i++) {
		CHECK(!pthread_create(&t, &attr, calling, 0));
		CHECK(!pthread_join(t, 0));
	}
}

static int on_other_stack(void *arg)
{
	(void)arg;
	return getppid() > 0 ? 11 : 1;
}

static void clone_vm(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	for (int i = 0; i < TIMES; i++)
		want_exit(clone(on_other_stack, stack + sizeof stack, CLONE_VM | SIGCHLD, 0), 11);
}

static void execs(void)
{
	char *argv[] = {(char *)self, "after_exec", 0};
	pid_t pid = fork();

	if (!pid) {
		CHECK(execve("/nonexistent", argv, environ) == -1 && errno == ENOENT);
		execve(self, argv, environ);
		_exit(1);
	}
	want_exit(pid, 33);
}

static void after_exec(void) { exit(getppid() > 0 ? 33 : 1); }

/* ---- signals ---- */

static sigjmp_buf out;
static volatile int hits;

static void leave(int sig)
{
	(void)sig;
	hits++;
	siglongjmp(out, 1);
}

static void longjmps(void)
{
	handle(SIGALRM, leave, 0);
	for (volatile int i = 0; i < 2 * TIMES; i++) {
		if (sigsetjmp(out, 1))
			continue;
		alarm_in(1000 + i * 37, 0);
		for (;;)
			if (i & 1)
				pause();
			else
				getppid();
	}
	CHECK(hits == 2 * TIMES);
}

static void call_a_little(int sig)
{
	int before = errno;
	char c;

	(void)sig;
	hits++;
	CHECK(getppid() > 0);
	CHECK(read(-1, &c, 1) == -1 && errno == EBADF);
	CHECK(syscall(SYS_gettid) > 0);
	errno = before;
}

static volatile int *seen; /* hits, for the child too */

static void call_and_tell(int sig)
{
	call_a_little(sig);
	*seen = hits;
}

/* SA_RESTART: the kernel goes back to the instruction, wherever that is by now. The
 * pipe has something when the handler has run often enough, however slow the machine. */
static void restarts(void)
{
	int pipes[2];
	char c = 0;
	pid_t pid;

	seen = mmap(0, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(seen != MAP_FAILED);
	handle(SIGALRM, call_and_tell, SA_RESTART);
	CHECK(!pipe(pipes));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (*seen <= 10)
			usleep(1000);
		_exit(write(pipes[1], "x", 1) != 1);
	}
	alarm_in(3000, 3000);
	CHECK(read(pipes[0], &c, 1) == 1 && c == 'x');
	CHECK(hits > 3);
	want_exit(pid, 0);
	alarm_in(0, 0);
}

static void interrupts(void)
{
	struct timespec time = {10, 0}, left = {0, 0};
	int pipes[2];
	char c;

	handle(SIGALRM, call_a_little, 0);
	CHECK(!pipe(pipes));
	alarm_in(3000, 3000); /* the first may come too early */
	CHECK(nanosleep(&time, &left) == -1 && errno == EINTR && (left.tv_sec || left.tv_nsec));
	CHECK(syscall(SYS_read, pipes[0], &c, 1) == -1 && errno == EINTR);
	CHECK(poll(0, 0, -1) == -1 && errno == EINTR);
	alarm_in(0, 0);
}

/* restart_syscall: a sleep that is stopped and goes on. */
static void stops(void)
{
	struct timespec time = {0, 60000000};
	pid_t pid = fork();

	if (!pid)
		_exit(nanosleep(&time, 0) ? 1 : 21);
	usleep(20000);
	CHECK(!kill(pid, SIGSTOP));
	usleep(20000);
	CHECK(!kill(pid, SIGCONT));
	want_exit(pid, 21);
}

static void on_alternate_stack(int sig)
{
	char here;
	stack_t ss;

	(void)sig;
	hits++;
	CHECK(!sigaltstack(0, &ss));
	CHECK(ss.ss_flags == SS_ONSTACK && &here > (char *)ss.ss_sp && &here < (char *)ss.ss_sp + ss.ss_size);
	ss.ss_flags = 0;
	CHECK(sigaltstack(&ss, 0) == -1 && errno == EPERM);
}

static void alternate_stack(void)
{
	static char stack[16384];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};

	CHECK(!sigaltstack(&ss, 0));
	handle(SIGUSR1, on_alternate_stack, SA_ONSTACK);
	for (int i = 0; i < TIMES; i++)
		raise(SIGUSR1);
	CHECK(hits == TIMES);
	ss.ss_flags = SS_DISABLE;
	CHECK(!sigaltstack(&ss, 0));
}

static void masks(void)
{
	sigset_t set, old;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK(!sigprocmask(SIG_BLOCK, &set, 0));
	raise(SIGUSR2);
	CHECK(!sigpending(&old) && sigismember(&old, SIGUSR2));
	CHECK(sigwaitinfo(&set, &info) == SIGUSR2);
	CHECK(!sigprocmask(SIG_UNBLOCK, &set, &old) && sigismember(&old, SIGUSR2));
}

/* Alarms at any moment of very many calls, each handler makes some too. */
static void storms(void)
{
	handle(SIGALRM, call_a_little, SA_RESTART);
	alarm_in(200, 200);
	while (hits < 300) {
		CHECK(getppid() > 0);
		CHECK(syscall(SYS_getppid) > 0);
	}
	alarm_in(0, 0);
}

/* ---- unwinding out of a call ---- */

static volatile int cleaned;

static void clean(void *arg)
{
	(void)arg;
	cleaned++;
}

static void *to_be_cancelled(void *arg)
{
	int pipes[2];
	char c;

	pthread_cleanup_push(clean, 0);
	if (!pipe(pipes) && arg)
		while (read(pipes[0], &c, 1))
			;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0);
	for (;;)
		syscall(SYS_getppid);
	pthread_cleanup_pop(0);
	return 0;
}

static void cancels(void)
{
	pthread_t t;
	void *result;

	for (intptr_t i = 0; i < TIMES; i++) {
		CHECK(!pthread_create(&t, 0, to_be_cancelled, (void *)(i & 1)));
		usleep(2000);
		CHECK(!pthread_cancel(t));
		CHECK(!pthread_join(t, &result));
		CHECK(result == PTHREAD_CANCELED);
	}
	CHECK(cleaned == TIMES);
}

static volatile int frames;

static void look_up(int sig)
{
	void *stack[64];

	(void)sig;
	frames = backtrace(stack, 64);
}

static __attribute__((noipa)) int deep(volatile int n)
{
	if (n) {
		int below = deep(n - 1);

		return n == below + 1 ? n : -1;
	}
	alarm_in(3000, 3000);
	CHECK(poll(0, 0, -1) == -1 && errno == EINTR);
	alarm_in(0, 0);
	return 0;
}

static void backtraces(void)
{
	void *stack[4];

	backtrace(stack, 4); /* loads libgcc_s */
	handle(SIGALRM, look_up, 0);
	CHECK(deep(20) == 20);
	CHECK(frames >= 20 + 4); /* deep, backtraces, main and what called it, and more in between */
}

/* The stack is walked behind every instruction of the agent's on the way of a call: from
 * each the caller is found. */
static int steps, lost;

static __attribute__((noipa)) void stepped(void)
{
	__asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
	getppid();
	syscall(SYS_getppid);
	syscall(SYS_getuid);
	__asm__ volatile("pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
}

static void step(int sig, siginfo_t *info, void *context)
{
	uintptr_t ip = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP], from = (uintptr_t)stepped;
	void *stack[64];
	int found = 0;
	Dl_info file;

	(void)sig, (void)info;
	if (!dladdr((void *)ip, &file) || !strstr(file.dli_fname, "libbpftime-agent"))
		return; /* stubs have no unwind data, and are no file */
	steps++;
	for (int i = 0, n = backtrace(stack, 64); i < n; i++)
		found |= (uintptr_t)stack[i] - from < 256;
	lost += !found;
	if (!found && getenv("SHOW"))
		fprintf(stderr, "lost at %#lx\n", (unsigned long)(ip - (uintptr_t)file.dli_fbase));
}

static void walks(void)
{
	struct sigaction sa = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};
	void *stack[4];

	backtrace(stack, 4);
	CHECK(!sigaction(SIGTRAP, &sa, 0));
	for (int i = 0; i < TIMES; i++)
		stepped();
	CHECK(!steps || steps > 20 * TIMES);
	CHECK(!lost);
}

/* ---- seccomp: a filter that answers, one that asks, and the mode that allows four calls ---- */

static void answer(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = info->si_syscall == SYS_getppid ? 4243 : 1;
}

#define IF_CALL(nr, then) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, then)

static void filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		IF_CALL(SYS_getppid, SECCOMP_RET_TRAP),
		IF_CALL(SYS_getuid, SECCOMP_RET_ERRNO | ENOTTY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};

	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void filters(void)
{
	struct sigaction sa = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO};
	pid_t pid = fork();

	if (pid) {
		want_exit(pid, 0);
		return;
	}
	CHECK(!sigaction(SIGSYS, &sa, 0));
	filter();
	CHECK(getppid() == 4243 && syscall(SYS_getppid) == 4243);
	CHECK(syscall(SYS_getuid) == -1 && errno == ENOTTY);
	_exit(failures);
}

static void strict(void)
{
	pid_t pid = fork();

	if (pid) {
		want_exit(pid, 5);
		return;
	}
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	syscall(SYS_exit, write(1, "strict\n", 7) == 7 ? 5 : 1);
}

static const struct {
	const char *name;
	void (*run)(void);
} hazards[] = {
	{"forks", forks}, {"raw_clone", raw_clone}, {"vforks", vforks}, {"spawns", spawns}, {"threads", threads},
	{"small_stack", small_stack}, {"clone_vm", clone_vm}, {"execs", execs}, {"after_exec", after_exec},
	{"longjmps", longjmps}, {"restarts", restarts}, {"interrupts", interrupts}, {"stops", stops},
	{"alternate_stack", alternate_stack}, {"masks", masks}, {"storms", storms}, {"cancels", cancels}, {"backtraces", backtraces}, {"walks", walks},
	{"filters", filters}, {"strict", strict},
};

int main(int argc, char **argv)
{
	self = argv[0];
	for (size_t i = 0; argc > 1 && i < sizeof hazards / sizeof *hazards; i++)
		if (!strcmp(argv[1], hazards[i].name)) {
			hazards[i].run();
			puts(failures ? "failed" : "passed");
			return failures != 0;
		}
	return 2;
}
