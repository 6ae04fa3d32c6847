// late SCENARIO PLUGIN N: loads PLUGIN while the program runs and calls its g, in processes where that is delicate.
// Prints how often g was called, the constructor's call included.
#include "probed.h"
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *plugin;
static long n;

static void *load(void)
{
	void *handle = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(99);
	}
	atomic_fetch_add(calls, 1);
	return handle;
}

static void use(void *handle, long times)
{
	long (*g)(long) = (long (*)(long))(intptr_t)dlsym(handle, "g");
	for (long i = 0; i < times; i++)
		if (g(i) != (i ^ 5))
			_Exit(98);
	atomic_fetch_add(calls, times);
}

static void once(void) { use(load(), n); }

static void reload(void)
{
	for (int i = 0; i < 200; i++) {
		void *handle = load();
		use(handle, n);
		if (dlclose(handle))
			die("dlclose");
	}
}

static void namespaces(void)
{
	for (int i = 0; i < 3; i++) {
		void *handle = dlmopen(LM_ID_NEWLM, plugin, RTLD_NOW);
		if (!handle)
			die("dlmopen");
		atomic_fetch_add(calls, 1);
		use(handle, n);
	}
}

static atomic_int stop;

static void *allocate(void *unused)
{
	void *p[64] = { 0 };
	for (unsigned i = 0; !atomic_load(&stop); i++) {
		free(p[i % 64]);
		p[i % 64] = malloc(i % 2000);
	}
	return unused;
}

// Four threads hold the one arena's lock most of the time: MALLOC_ARENA_MAX=1 in the environment.
static void among_allocators(void)
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], 0, allocate, 0);
	reload();
	atomic_store(&stop, 1);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], 0);
}

static void *reload_thread(void *unused)
{
	reload();
	return unused;
}

// The module is mapped while any of them uses it; its text is patched once for all, or anew.
static void by_threads(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], 0, reload_thread, 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], 0);
}

static void await(pid_t pid)
{
	int status;
	if (waitpid(pid, &status, 0) != pid || status)
		fprintf(stderr, "child ended with status %x\n", status);
}

static void in_child(void)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();
		if (!pid) {
			once();
			_exit(0);
		}
		await(pid);
	}
	once();
}

static void drop(void)
{
	if (setgroups(0, 0) || setgid(65534) || setuid(65534))
		die("drop privileges");
}

// The process that may open the session no longer exists when the module comes.
static void drop_then_load(void)
{
	drop();
	once();
}

static void worker_drops(void)
{
	pid_t pid = fork();
	if (!pid) {
		drop_then_load();
		_exit(0);
	}
	await(pid);
	once();
}

static void *delayed(void *unused)
{
	usleep(20000);
	return unused;
}

// N megabytes of dirty memory: whatever copies page tables takes long, and the copies after it longer.
static void big(void)
{
	struct timespec a, b;
	pthread_t t;
	size_t size = (size_t)n << 20;
	memset(need(mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), 1, size);
	pthread_create(&t, 0, delayed, 0); // so that the process has had more than one thread
	clock_gettime(CLOCK_MONOTONIC, &a);
	void *handle = load();
	clock_gettime(CLOCK_MONOTONIC, &b);
	use(handle, 1000);
	pthread_join(t, 0);
	fprintf(stderr, "dlopen %ld us\n", (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "once", once }, { "reload", reload }, { "namespaces", namespaces }, { "among_allocators", among_allocators },
	{ "by_threads", by_threads }, { "in_child", in_child }, { "drop_then_load", drop_then_load },
	{ "worker_drops", worker_drops }, { "big", big },
};

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	plugin = argv[2];
	n = atol(argv[3]);
	calls = shared_count();
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		if (!strcmp(argv[1], scenarios[i].name)) {
			scenarios[i].run();
			printf("calls %ld\n", atomic_load(calls));
			return 0;
		}
	return 2;
}
