// leases SCENARIO: calls f a hundred times where its thread has no lease of its own to keep.
//
//   elsewhere  on another stack, far away: a lease is borrowed for each hit
//   no_tsc     the same, where reading the time-stamp counter is a fault, as strict seccomp makes it
//   exhausted  all leases to borrow are taken, by borrowers that are not late; the session is $BPFTIME_RUNDIR/default.
//              The test has taken those to keep.
#include "../../victims/probed.h"
#include "abi.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define TIMES 100

static void on_stack(char *top, void (*work)(void))
{
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov %0, %%rsp\n\t"
			 "call *%1\n\t"
			 "mov %%rbx, %%rsp"
			 :
			 : "r"(top), "r"(work)
			 : "rbx", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

static void call_all(void) { call(TIMES); }

static void elsewhere(void)
{
	const size_t size = 1 << 20;
	char *stack = need(mmap((void *)(1ul << 44), size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	on_stack(stack + size - 64, call_all);
}

static void no_tsc(void)
{
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV))
		die("PR_SET_TSC");
	elsewhere();
}

static char *session(void)
{
	char path[1024];
	int fd;
	if (!getenv("BPFTIME_RUNDIR"))
		return 0; // the plain run
	snprintf(path, sizeof path, "%s/default/session", getenv("BPFTIME_RUNDIR"));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return need(mmap(0, SESSION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}

static void take_all(char *s)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	for (int i = SESSION_NKEPT; s && i < SESSION_NLEASES; i++) {
		unsigned long *owner = (unsigned long *)(s + SESSION_LEASES_OFF + i * SESSION_LEASE_SIZE + LEASE_OWNER);
		*owner = 1ul << 63 | ((unsigned long)now.tv_sec & 0x7fffffff) << 32 | 1;
	}
}

static void exhausted(void)
{
	char *s = session();
	for (int i = 0; i < TIMES; i++) {
		take_all(s);
		call(1);
	}
}

int main(int argc, char **argv)
{
	calls = shared_count();
	if (argc == 2 && !strcmp(argv[1], "elsewhere"))
		elsewhere();
	else if (argc == 2 && !strcmp(argv[1], "no_tsc"))
		no_tsc();
	else if (argc == 2 && !strcmp(argv[1], "exhausted"))
		exhausted();
	else
		return 2;
	printf("calls %ld\n", atomic_load(calls));
	return 0;
}
