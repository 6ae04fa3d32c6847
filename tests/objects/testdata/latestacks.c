/* Says who called whom where libraries that it loads are among them.
 *
 *	latestacks LIB…		loads each and lets it call back; "-" unloads the last one first, "=" maps a page, so that the next
 *				lies elsewhere
 *	latestacks churn LIB N	loads and unloads it N times, while two threads call the witness
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

__attribute__((noipa)) long witness(long n) { return n * 3 + 1; }

static volatile long sum;
static void *frames[64];

__attribute__((noipa)) static long say(long n)
{
	int found = backtrace(frames, 64);

	sum += witness(n);
	printf("late");
	for (int i = 1; i < found; i++)
		printf(" %p", frames[i]);
	printf("\n");
	return sum;
}

static int over;

static long quiet(long n) { return witness(n); }

static void *thread(void *unused)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		witness(1);
	return unused;
}

static int churn(const char *lib, long n)
{
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&t[i], 0, thread, 0))
			return 1;
	for (long i = 0; i < n; i++) {
		void *h = dlopen(lib, RTLD_NOW);
		long (*outer)(long (*)(long), long) = h ? (long (*)(long (*)(long), long))dlsym(h, "outer") : 0;

		if (!outer)
			return 1;
		sum += outer(quiet, i);
		dlclose(h);
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], 0);
	return 0;
}

int main(int argc, char **argv)
{
	void *h = 0;

	if (argc == 4 && !strcmp(argv[1], "churn"))
		return churn(argv[2], atol(argv[3]));

	for (int i = 1; i < argc; i++) {
		long (*outer)(long (*)(long), long);

		if (!strcmp(argv[i], "-")) {
			dlclose(h);
			continue;
		}
		if (!strcmp(argv[i], "=")) {
			mmap(0, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			continue;
		}
		h = dlopen(argv[i], RTLD_NOW);
		outer = h ? (long (*)(long (*)(long), long))dlsym(h, "outer") : 0;
		if (!outer) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
		sum += outer(say, i);
	}
	return 0;
}
