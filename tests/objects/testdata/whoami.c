/* Who calls says who it is: in threads, children of all kinds, other users, other PID namespaces, under other names, and after
 * exec. Prints how often it did. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int *calls;

/* Of a child that has its parent's memory, both pairs are right. */
__attribute__((noinline)) void am(uint64_t pair, uint64_t other, const char *name)
{
	__asm__ volatile("" : : "r"(pair), "r"(other), "r"(name) : "memory");
	__atomic_fetch_add(calls, 1, __ATOMIC_RELAXED);
}

static uint64_t self(void) { return (uint64_t)syscall(SYS_getpid) << 32 | (uint32_t)syscall(SYS_gettid); }

static void say(void)
{
	char name[16];

	prctl(PR_GET_NAME, name);
	for (int i = 0; i < 3; i++)
		am(self(), 0, name);
}

static void *thread(void *f)
{
	say();
	if (f)
		((void (*)(void))f)();
	say();
	return 0;
}

static void in_thread(void (*f)(void))
{
	pthread_t t;

	pthread_create(&t, 0, thread, f);
	pthread_join(t, 0);
}

static void wait_for(pid_t pid)
{
	int status = 1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		printf("a child ended with %#x\n", status);
}

static void in_child(void (*f)(void))
{
	pid_t pid = fork();

	if (!pid) {
		f();
		_exit(0);
	}
	wait_for(pid);
}

/* A fork that the C library knows nothing of. */
static void in_raw_child(void (*f)(void))
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid) {
		f();
		_exit(0);
	}
	wait_for(pid);
}

static void threads(void)
{
	in_thread(0);
	in_thread(0);
	say();
}

static void other_user(void)
{
	say();
	if (setgid(65534) || setuid(65534))
		return;
	threads();
}

/* Its children are in another namespace, it is not; say only where that is allowed, or is not. */
static void namespaces(void)
{
	if (unshare(CLONE_NEWPID))
		say();
	else
		in_child(threads);
	say();
}

static void shared(void)
{
	uint64_t parent = self();
	char name[16];
	pid_t pid;

	prctl(PR_GET_NAME, name);
	pid = vfork();
	if (!pid) {
		am(self(), parent, name);
		_exit(0);
	}
	wait_for(pid);
	say();
}

static int on_own_stack(void *parent)
{
	am(self(), *(uint64_t *)parent, "main");
	return 0;
}

static void clones(void)
{
	static char stack[1 << 16];
	uint64_t parent = self();

	wait_for(clone(on_own_stack, stack + sizeof stack, CLONE_VM | SIGCHLD, &parent));
	say();
}

static void names(void)
{
	prctl(PR_SET_NAME, "one");
	say();
	pthread_setname_np(pthread_self(), "another, longer");
	say();
	prctl(PR_SET_NAME, "");
	say();
	prctl(PR_SET_NAME, "main");
	say();
}

/* Names that others give are seen a little later. */
static pthread_barrier_t barrier;

static void *renamed(void *unused)
{
	say();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	usleep(50000);
	say();
	return unused;
}

static void renames(void)
{
	pthread_t t;

	pthread_barrier_init(&barrier, 0, 2);
	pthread_create(&t, 0, renamed, 0);
	pthread_barrier_wait(&barrier);
	pthread_setname_np(t, "by another");
	pthread_barrier_wait(&barrier);
	pthread_join(t, 0);
}

static void everything(void)
{
	say();
	threads();
	in_child(threads);
	in_raw_child(say);
	in_thread(shared);
	shared();
	clones();
	say();
}

int main(int argc, char **argv)
{
	calls = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	prctl(PR_SET_NAME, "main");
	everything();
	in_child(everything);
	in_raw_child(everything);
	in_child(other_user);
	in_child(namespaces);
	names();
	in_child(names);
	renames();
	printf("%d\n", *calls);
	fflush(stdout);
	if (argc == 1)
		execl("/proc/self/exe", argv[0], "again", (char *)0);
	return 0;
}
