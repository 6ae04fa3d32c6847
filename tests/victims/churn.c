// churn PREFIX COPIES ROUNDS N: four threads load PREFIX0 … at random, call g, and unload them, N times each, in every one of
// ROUNDS rounds. After each round, and then with all copies loaded, and once more with none, the process stops itself, so that
// it can be looked at. Prints how often g was called, by the constructors too.
#include "probed.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>

#define THREADS 4
#define CALLS 10

static const char *prefix;
static int copies, n;

// Of the modules: their constructors run in whoever loads one first.
void plugin_loaded(void)
{
	atomic_fetch_add(calls, 1);
}

static void *load(int copy)
{
	char path[4096];
	void *handle;

	snprintf(path, sizeof path, "%s%d", prefix, copy);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(99);
	}
	return handle;
}

static void use(void *handle)
{
	long (*g)(long) = (long (*)(long))(intptr_t)dlsym(handle, "g");

	for (long i = 0; i < CALLS; i++)
		if (g(i) != (i ^ 5))
			_Exit(98);
	atomic_fetch_add(calls, CALLS);
}

static void *churn(void *seed)
{
	unsigned x = 2463534242u + (unsigned)(uintptr_t)seed * 7919;

	for (int i = 0; i < n; i++) {
		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
		void *handle = load((int)(x % (unsigned)copies));
		use(handle);
		if (dlclose(handle))
			die("dlclose");
	}
	return 0;
}

static void stop(void)
{
	raise(SIGSTOP);
}

static void round_of_threads(int k)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], 0, churn, (void *)(uintptr_t)(k * THREADS + i));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], 0);
}

static void all_at_once(void)
{
	void **handles = need(calloc((size_t)copies, sizeof *handles));

	for (int i = 0; i < copies; i++)
		use(handles[i] = load(i));
	stop();
	for (int i = 0; i < copies; i++)
		if (dlclose(handles[i]))
			die("dlclose");
	free(handles);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	prefix = argv[1];
	copies = atoi(argv[2]);
	n = atoi(argv[4]);
	calls = shared_count();
	for (int k = 0; k < atoi(argv[3]); k++) {
		round_of_threads(k);
		stop();
	}
	all_at_once();
	stop();
	printf("calls %ld\n", atomic_load(calls));
	return 0;
}
