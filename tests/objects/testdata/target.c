/* A program of which it is known what it calls.
 *
 *	target add N		add(i, 2 * i) for i from 1 to N
 *	target greet N		greet("name-I") for I from 1 to N
 *	target threads T N	T threads, each as `add N`
 *	target forks K N	K children one after the other, each as `add N`
 *	target late LIB N	dlopen(LIB), then N times its late(i)
 *	target work N		N times work(400000), every fifth time work(25000): some 250 and 16 microseconds
 *
 * It prints what comes out, and with READY in the environment first the address of add. It exits with 23. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBED __attribute__((noipa))

PROBED long add(long a, long b) { return a + b; }

PROBED const char *greet(const char *name) { return strchr(name, '-') + 1; }

PROBED unsigned long work(unsigned long rounds)
{
	unsigned long x = rounds;

	for (unsigned long i = 0; i < rounds; i++)
		x = x * 6364136223846793005ul + 1442695040888963407ul;
	return x;
}

static long adds(long n)
{
	long sum = 0;

	for (long i = 1; i <= n; i++)
		sum += add(i, 2 * i);
	return sum;
}

static long greets(long n)
{
	long sum = 0;

	for (long i = 1; i <= n; i++) {
		char name[32];

		snprintf(name, sizeof name, "name-%ld", i);
		sum += atol(greet(name));
	}
	return sum;
}

static long works(long n)
{
	unsigned long x = 0;

	for (long i = 0; i < n; i++)
		x ^= work(i % 5 ? 400000 : 25000);
	return (long)x;
}

static void *thread(void *n) { return (void *)adds((intptr_t)n); }

static long threads(long t, long n)
{
	pthread_t ids[64];
	long sum = 0;

	for (long i = 0; i < t && i < 64; i++)
		if (pthread_create(&ids[i], 0, thread, (void *)(intptr_t)n))
			exit(1);
	for (long i = 0; i < t && i < 64; i++) {
		void *r;

		pthread_join(ids[i], &r);
		sum += (intptr_t)r;
	}
	return sum;
}

static long forks(long k, long n)
{
	long sum = 0;

	for (long i = 0; i < k; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(adds(n) == 3 * n * (n + 1) / 2 ? 0 : 1);
		waitpid(pid, &status, 0);
		sum += status;
	}
	return sum;
}

static long late(const char *lib, long n)
{
	void *h = dlopen(lib, RTLD_NOW);
	long (*f)(long) = h ? (long (*)(long))dlsym(h, "late") : 0;
	long sum = 0;

	if (!f) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	for (long i = 1; i <= n; i++)
		sum += f(i);
	return sum;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	long n = argc > 2 ? atol(argv[argc - 1]) : 0, r;

	if (getenv("READY"))
		printf("%p\n", (void *)add);
	if (!strcmp(what, "add"))
		r = adds(n);
	else if (!strcmp(what, "greet"))
		r = greets(n);
	else if (!strcmp(what, "work"))
		r = works(n);
	else if (!strcmp(what, "threads"))
		r = threads(atol(argv[2]), n);
	else if (!strcmp(what, "forks"))
		r = forks(atol(argv[2]), n);
	else if (!strcmp(what, "late"))
		r = late(argv[2], n);
	else
		return 2;
	printf("%ld\n", r);
	return 23;
}
