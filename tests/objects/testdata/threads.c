/* Threads that come and go.
 *
 *	threads churn N		N threads one after the other, each calls add five times; where the kernel lets us, all
 *				have the same number
 *	threads together N	N threads at once, each calls add five times
 *	threads children N	N children one after the other, each calls add five times
 *	threads hold N		N threads call add five times; then all wait, for ever
 *
 * The first thread calls add once before and once behind that. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBED __attribute__((noipa))

PROBED long add(long a, long b) { return a + b; }

static int holds;
static pid_t last;

static void *thread(void *unused)
{
	last = (pid_t)syscall(SYS_gettid);
	for (int i = 0; i < 5; i++)
		add(i, i);
	while (holds)
		pause();
	return unused;
}

/* The next thread gets the number of the last, if this is allowed. */
static void same_number(void)
{
	int fd = last ? open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	dprintf(fd, "%d", last - 1);
	close(fd);
}

static pthread_t start(void)
{
	pthread_t t;

	if (pthread_create(&t, 0, thread, 0))
		exit(1);
	return t;
}

static void children(long n)
{
	for (long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			thread(0);
			_exit(0);
		}
		last = pid;
		waitpid(pid, 0, 0);
		same_number();
	}
}

int main(int argc, char **argv)
{
	const char *what = argc == 3 ? argv[1] : "";
	long n = argc == 3 ? atol(argv[2]) : 0;
	pthread_t ids[256];

	add(1, 1);
	holds = !strcmp(what, "hold");
	if (!strcmp(what, "children"))
		children(n);
	for (long i = 0; !strcmp(what, "churn") && i < n; i++) {
		same_number();
		pthread_join(start(), 0);
	}
	for (long i = 0; (holds || !strcmp(what, "together")) && i < n && i < 256; i++)
		ids[i] = start();
	for (long i = 0; !strcmp(what, "together") && i < n && i < 256; i++)
		pthread_join(ids[i], 0);
	add(2, 2);
	while (holds)
		pause();
	puts("done");
	return 23;
}
