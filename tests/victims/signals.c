// signals SCENARIO: the ways in which programs depend on who may take a signal, on which stack, and on what kills.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int hits, on_main, elsewhere;

// allocate enters a probed function, which the compiler would drop if it could.
static void allocate(void)
{
	void *volatile p = malloc(100);
	free(p);
}

static void count(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)info, (void)context;
	allocate(); // unsafe in general, harmless here: main does not allocate meanwhile
	hits++;
	if (syscall(SYS_gettid) == getpid())
		on_main++;
	else
		elsewhere++;
}

static void count_big(int signo, siginfo_t *info, void *context)
{
	volatile char frame[16384];
	memset((char *)frame, signo, sizeof frame);
	count(frame[sizeof frame - 1], info, context);
}

static void handle(int signo, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction act = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
	sigaction(signo, &act, 0);
}

static void block(int signo)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_BLOCK, &set, 0);
}

static int take(int signo, long ms)
{
	struct timespec limit = { ms / 1000, ms % 1000 * 1000000 };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signo);
	return sigtimedwait(&set, 0, &limit);
}

static void report(const char *what)
{
	printf("%s: hits %d, on main %d, elsewhere %d\n", what, hits, on_main, elsewhere);
}

static void list(void)
{
	for (int signo = 1; signo < 65; signo++) {
		unsigned long act[4] = { 0 };
		if (!syscall(SYS_rt_sigaction, signo, 0, act, 8) && (act[0] || act[1]))
			printf("%d: handler %d flags %lx mask %lx\n", signo, act[0] > 1 ? 2 : (int)act[0], act[1], act[3]);
	}
	stack_t st;
	sigaltstack(0, &st);
	sigset_t set;
	sigprocmask(SIG_BLOCK, 0, &set);
	printf("altstack flags %d; blocked %lx\n", st.ss_flags, *(unsigned long *)&set);
}

static void signalfd_children(void)
{
	sigset_t set;
	int got = 0;
	block(SIGCHLD);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	int fd = signalfd(-1, &set, SFD_NONBLOCK);
	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();
		if (!pid)
			_exit(0);
		struct pollfd p = { fd, POLLIN, 0 };
		struct signalfd_siginfo info;
		if (poll(&p, 1, 2000) == 1 && read(fd, &info, sizeof info) > 0)
			got++;
		waitpid(pid, 0, 0);
	}
	printf("SIGCHLD by signalfd: %d of 200, descriptor %d\n", got, fd);
}

static void timed_wait(void)
{
	int got = 0;
	block(SIGUSR1);
	for (int i = 0; i < 50; i++) {
		kill(getpid(), SIGUSR1);
		got += take(SIGUSR1, 1000) == SIGUSR1;
	}
	printf("SIGUSR1 by sigtimedwait: %d of 50\n", got);
}

static void blocked_term(void)
{
	block(SIGTERM);
	kill(getpid(), SIGTERM);
	usleep(20000);
	printf("SIGTERM blocked, then taken: %d\n", take(SIGTERM, 1000));
}

static void blocked_handler(void)
{
	handle(SIGUSR1, count, 0);
	block(SIGUSR1);
	for (int i = 0; i < 100; i++) {
		kill(getpid(), SIGUSR1);
		usleep(200);
	}
	report("blocked");
}

static void big_handler(void)
{
	handle(SIGUSR1, count_big, 0);
	for (int i = 0; i < 100; i++)
		kill(getpid(), SIGUSR1);
	report("without ONSTACK");
}

static void on_stack(void)
{
	stack_t st = { .ss_sp = malloc(65536), .ss_size = 65536 };
	sigaltstack(&st, 0);
	handle(SIGUSR1, count_big, SA_ONSTACK);
	for (int i = 0; i < 100; i++)
		kill(getpid(), SIGUSR1);
	report("with ONSTACK");
}

static void timers(void)
{
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
	handle(SIGPROF, count, SA_RESTART);
	setitimer(ITIMER_PROF, &often, 0);
	while (hits < 30)
		;
	printf("ITIMER_PROF: elsewhere %d\n", elsewhere);
}

static void interrupted(void)
{
	int got = 0;
	handle(SIGALRM, count, 0);
	for (int i = 0; i < 20; i++) {
		struct timespec limit = { 2, 0 };
		ualarm(2000, 0);
		got += nanosleep(&limit, 0) < 0 && errno == EINTR;
	}
	printf("EINTR: %d of 20\n", got);
}

static void urgent(void)
{
	handle(SIGURG, count, 0);
	usleep(300000);
	report("SIGURG nobody sent");
}

static void restarted(void)
{
	int p[2];
	char c = 0;
	if (pipe(p))
		exit(99);
	handle(SIGALRM, count, SA_RESTART);
	pid_t pid = fork();
	if (!pid) {
		usleep(100000);
		_exit(write(p[1], "x", 1) != 1);
	}
	ualarm(5000, 5000);
	long r = read(p[0], &c, 1);
	ualarm(0, 0);
	printf("read restarted: %ld %c\n", r, c);
	waitpid(pid, 0, 0);
}

static void pipe_ignored(void)
{
	int p[2];
	signal(SIGPIPE, SIG_IGN);
	if (pipe(p))
		exit(99);
	close(p[0]);
	long r = write(p[1], "x", 1);
	printf("SIGPIPE ignored: %ld errno %d\n", r, errno);
	fflush(stdout);
	execlp("checkpoint", "checkpoint", "ignoring", (char *)0);
}

static void pipe_killed(void)
{
	int p[2];
	if (pipe(p))
		exit(99);
	close(p[0]);
	printf("write %ld\n", (long)write(p[1], "x", 1));
}

static int *volatile nowhere = (int *)16;

static void fault(void) { *nowhere = 1; }

static void *fault_thread(void *unused)
{
	fault();
	return unused;
}

static void faulted(int signo, siginfo_t *info, void *context)
{
	(void)context;
	char text[80];
	int n = snprintf(text, sizeof text, "host's handler: signal %d at %p\n", signo, info->si_addr);
	if (write(1, text, n) < 0)
		_exit(41);
	_exit(42);
}

static void fault_handled(void)
{
	handle(SIGSEGV, faulted, 0);
	fault();
}

static void fault_in_thread(void)
{
	pthread_t t;
	pthread_create(&t, 0, fault_thread, 0);
	pthread_join(t, 0);
}

static void divide(void)
{
	volatile int zero = 0;
	exit(5 / zero);
}

static void killed(void)
{
	kill(getpid(), SIGSEGV);
	usleep(100000);
	puts("alive");
}

static void trap(void) { __asm__ volatile("int3"); }
static void illegal(void) { __builtin_trap(); }

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "list", list }, { "signalfd_children", signalfd_children }, { "timed_wait", timed_wait },
	{ "blocked_term", blocked_term }, { "blocked_handler", blocked_handler }, { "big_handler", big_handler },
	{ "on_stack", on_stack }, { "timers", timers }, { "interrupted", interrupted }, { "urgent", urgent },
	{ "restarted", restarted }, { "pipe_ignored", pipe_ignored }, { "pipe_killed", pipe_killed },
	{ "fault", fault }, { "fault_handled", fault_handled }, { "fault_in_thread", fault_in_thread },
	{ "abort", abort }, { "divide", divide }, { "killed", killed }, { "trap", trap }, { "illegal", illegal },
};

int main(int argc, char **argv)
{
	setbuf(stdout, 0);
	for (size_t i = 0; argc == 2 && i < sizeof scenarios / sizeof *scenarios; i++)
		if (!strcmp(argv[1], scenarios[i].name)) {
			allocate();
			usleep(20000);
			scenarios[i].run();
			return 0;
		}
	return 2;
}
