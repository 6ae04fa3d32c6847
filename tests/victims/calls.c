// calls SCENARIO N: calls f exactly so often, in the places where an agent's state may be missing, shared or small,
// and prints how often. Exits 98 when f returned something wrong.
#include "probed.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static long n;

static void await(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			die("waitpid");
	if (status)
		fprintf(stderr, "child ended with status %x\n", status);
}

static int child(void *unused)
{
	(void)unused;
	call(n);
	return 0;
}

static void *thread(void *unused)
{
	child(unused);
	return 0;
}

static void run_threads(int count, size_t stack, void *(*work)(void *))
{
	pthread_t t[64];
	pthread_attr_t a;

	pthread_attr_init(&a);
	if (stack && pthread_attr_setstacksize(&a, stack))
		die("stack size");
	for (int i = 0; i < count; i++)
		if ((errno = pthread_create(&t[i], &a, work, 0)))
			die("pthread_create");
	for (int i = 0; i < count; i++)
		pthread_join(t[i], 0);
}

// clone_on runs the child on a stack of its own, and returns its pid.
static pid_t clone_on(char *stack, size_t size, int flags)
{
	pid_t pid = clone(child, stack + (size & ~15UL), flags | SIGCHLD, 0);
	if (pid < 0)
		die("clone");
	return pid;
}

static char *pages(size_t size)
{
	return need(mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void plain(void) { call(n); }
static void threads(void) { run_threads(8, 0, thread); }
static void small_threads(void) { run_threads(50, 16384, thread); }

static void forked(void)
{
	pid_t pid = fork();
	if (!pid) {
		call(n);
		_exit(0);
	}
	call(n);
	await(pid);
}

static void nest(int depth)
{
	pid_t pid = fork();
	if (!pid) {
		call(n);
		if (depth > 1)
			nest(depth - 1);
		_exit(0);
	}
	await(pid);
}

static void fork_in_fork(void) { nest(4); }

static void many_forks(void)
{
	for (int i = 0; i < 400; i++)
		forked();
}

static void vforked(void)
{
	pid_t pid = vfork();
	if (!pid) {
		call(n);
		_exit(0);
	}
	await(pid);
	call(n);
}

static void spawned(void)
{
	char *argv[] = { "true", 0 };
	pid_t pid;
	for (int i = 0; i < 5; i++) {
		if (posix_spawn(&pid, "/bin/true", 0, 0, argv, (char *[]){ 0 }))
			die("posix_spawn");
		await(pid);
		call(n);
	}
}

static void clone_vfork_4k(void) { await(clone_on(pages(4096), 4096, CLONE_VM | CLONE_VFORK)); }
static void clone_vm_1k(void) { await(clone_on(need(malloc(1024)), 1024, CLONE_VM)); }

// No CLONE_SETTLS: the task uses the thread pointer of its creator, which calls f at the same time.
static void clone_shared_tls(void)
{
	pid_t pid = clone_on(pages(8192), 8192, CLONE_VM | CLONE_FS | CLONE_FILES);
	call(n);
	await(pid);
}

static void two_shared_tls(void)
{
	pid_t a = clone_on(pages(8192), 8192, CLONE_VM | CLONE_FS | CLONE_FILES);
	pid_t b = clone_on(pages(8192), 8192, CLONE_VM | CLONE_FS | CLONE_FILES);
	await(a);
	await(b);
}

static void *fork_here(void *unused)
{
	(void)unused;
	forked();
	return 0;
}

static void fork_from_thread(void) { run_threads(4, 0, fork_here); }

static atomic_int thread_was_first;

static void *call_first(void *unused)
{
	(void)unused;
	call(1);
	atomic_store(&thread_was_first, 1);
	call(n);
	return 0;
}

// In the child another thread is hit before the one that has forked, and both go on at the same time.
static void fork_thread_first(void)
{
	pthread_t t;
	call(n);
	pid_t pid = fork();
	if (!pid) {
		pthread_create(&t, 0, call_first, 0);
		while (!atomic_load(&thread_was_first))
			;
		call(n);
		pthread_join(t, 0);
		_exit(0);
	}
	await(pid);
}

static atomic_int stop;

static void *until_stopped(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop))
		call(1);
	return 0;
}

// The child of a busy process starts while other threads are inside the stub.
static void fork_among_calls(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], 0, until_stopped, 0);
	for (int i = 0; i < 30; i++)
		forked();
	atomic_store(&stop, 1);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], 0);
}

static void on_signal(int signo)
{
	(void)signo;
	call(3);
}

static void tick(int which, int signo, int flags)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = flags };
	struct itimerval often = { { 0, 200 }, { 0, 200 } };
	sigaction(signo, &act, 0);
	setitimer(which, &often, 0);
}

static void untick(int which)
{
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	setitimer(which, &never, 0);
}

static void alarm_handler(void)
{
	tick(ITIMER_REAL, SIGALRM, SA_RESTART);
	for (int i = 0; i < 300; i++)
		call(n);
	untick(ITIMER_REAL);
}

// A handler on the smallest alternate stack that the kernel accepts, with room for call itself.
static void alternate_stack(void)
{
	size_t size = getauxval(AT_MINSIGSTKSZ) + 1024;
	stack_t st = { .ss_sp = need(malloc(size)), .ss_size = size };
	if (sigaltstack(&st, 0))
		die("sigaltstack");
	tick(ITIMER_REAL, SIGALRM, SA_RESTART | SA_ONSTACK);
	for (int i = 0; i < 300; i++)
		call(n);
	untick(ITIMER_REAL);
}

static void alarm_among_threads(void)
{
	tick(ITIMER_PROF, SIGPROF, SA_RESTART);
	run_threads(8, 0, thread);
	untick(ITIMER_PROF);
}

static void thread_churn(void)
{
	for (int i = 0; i < 100; i++)
		run_threads(8, 65536, thread);
}

static pthread_barrier_t all_here;

static void *crowded(void *unused)
{
	call(n);
	pthread_barrier_wait(&all_here);
	call(n);
	pthread_barrier_wait(&all_here);
	return unused;
}

// More threads alive at once than any pool of states is likely to have.
static void crowd(void)
{
	enum { MANY = 700 };
	pthread_t t[MANY];
	pthread_attr_t a;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 16384);
	pthread_barrier_init(&all_here, 0, MANY);
	for (int i = 0; i < MANY; i++)
		if ((errno = pthread_create(&t[i], &a, crowded, 0)))
			die("pthread_create");
	for (int i = 0; i < MANY; i++)
		pthread_join(t[i], 0);
}

// Children that die inside the stub or the program: what they held must come free.
static void after_kills(void)
{
	for (int i = 0; i < 600; i++) {
		int started[2];
		char c;
		if (pipe(started))
			die("pipe");
		pid_t pid = fork();
		if (!pid) {
			f(1);
			if (write(started[1], "x", 1) != 1)
				_exit(1);
			for (;;)
				f(1); // not counted: nobody knows how many
		}
		if (read(started[0], &c, 1) != 1)
			die("read");
		close(started[0]);
		close(started[1]);
		kill(pid, SIGKILL);
		waitpid(pid, 0, 0);
		call(n);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "plain", plain }, { "threads", threads }, { "small_threads", small_threads }, { "thread_churn", thread_churn },
	{ "fork", forked }, { "fork_in_fork", fork_in_fork }, { "many_forks", many_forks },
	{ "fork_from_thread", fork_from_thread }, { "fork_thread_first", fork_thread_first }, { "fork_among_calls", fork_among_calls },
	{ "vfork", vforked }, { "posix_spawn", spawned }, { "clone_vfork_4k", clone_vfork_4k },
	{ "clone_vm_1k", clone_vm_1k }, { "clone_shared_tls", clone_shared_tls }, { "two_shared_tls", two_shared_tls },
	{ "crowd", crowd }, { "after_kills", after_kills }, { "alarm", alarm_handler }, { "alternate_stack", alternate_stack }, { "alarm_among_threads", alarm_among_threads },
};

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	n = atol(argv[2]);
	calls = shared_count();
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		if (!strcmp(argv[1], scenarios[i].name)) {
			scenarios[i].run();
			printf("calls %ld\n", atomic_load(calls));
			return 0;
		}
	return 2;
}
