/* A program that says itself who called whom: calls in every way that a compiler without frame pointers makes, each of
 * which ends in witness(), behind a backtrace(3) by its caller. Prints the addresses, one call a line.
 *
 * Compiled as C++ with exceptions; a signal handler, an aligned frame, alloca, recursion, a callback out of libc, threads. */
#include <alloca.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#ifdef __clang__
#define PROBED __attribute__((noinline))
#else
#define PROBED __attribute__((noipa))
#endif

extern "C" PROBED long witness(long n) { return n * 3 + 1; }

static void *frames[1024];

/* In the frame that calls the witness: what lies further up is the same for both. */
#define SAY(what) \
	do { \
		int n_ = backtrace(frames, 1024); \
		sum += witness(n_); \
		printf(what); \
		for (int i_ = 1; i_ < n_; i_++) \
			printf(" %p", frames[i_]); \
		printf("\n"); \
	} while (0)

extern "C" {
volatile long sum;

PROBED long plain(long n)
{
	SAY("plain");
	return n + sum;
}

PROBED long deep(long n)
{
	long r = 0;

	if (n)
		r = deep(n - 1);
	else
		SAY("deep");
	__asm__ volatile("" : "+r"(r)); /* no loop */
	return r + n;
}

/* Leaves by a jump to who knows whom. */
PROBED long through(long n, long (*f)(long)) { return f(n); }

PROBED long with_alloca(long n)
{
	char *p = (char *)alloca(n);

	memset(p, 1, n);
	SAY("alloca");
	return p[n - 1] + sum;
}

PROBED long with_aligned(long n)
{
	alignas(64) char buffer[256];

	memset(buffer, (int)n, sizeof buffer);
	__asm__ volatile("" ::"r"(buffer) : "memory");
	SAY("aligned");
	return buffer[n & 255] + plain(n);
}

PROBED long many_registers(long a, long b, long c, long d, long e, long f, long g, long h)
{
	long x = a * b, y = c * d, z = e * f, w = g * h;

	SAY("registers");
	return x + y + z + w + sum + plain(x);
}
}

static int compare(const void *a, const void *b)
{
	static int said;

	if (!said++)
		SAY("callback");
	return *(const int *)a - *(const int *)b;
}

static void handler(int) { SAY("handler"); }

struct Shape {
	virtual ~Shape() {}
	virtual long area() = 0;
};
struct Square : Shape {
	long side = 3;
	PROBED long area() override
	{
		std::vector<long> v{1, 2, 3};
		std::for_each(v.begin(), v.end(), [&](long x) { if (x == 2) SAY("lambda"); });
		return side * side;
	}
};

PROBED static void thrower(long n)
{
	std::vector<char> v(n);
	try {
		if (v.at(n))
			sum++;
	} catch (std::out_of_range &) {
		SAY("catch");
		throw;
	}
}

PROBED static void *thread(void *arg)
{
	SAY("thread");
	return arg;
}

/* Where the agent lies, if it is there. */
static void say_agent()
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long lo, hi, first = 0, last = 0;
	char line[512];

	while (f && fgets(line, sizeof line, f))
		if (strstr(line, "agent.so") && sscanf(line, "%lx-%lx", &lo, &hi) == 2) {
			first = first ? first : lo;
			last = hi;
		}
	if (f)
		fclose(f);
	printf("agent %#lx %#lx\n", first, last);
}

int main()
{
	int numbers[] = {3, 1, 2};
	pthread_t t;
	Shape *s = new Square;

	if (getenv("SAY_AGENT"))
		say_agent();
	plain(1);
	deep(20);
	deep(200);
	through(2, plain);
	with_alloca(100);
	with_alloca(10000);
	with_aligned(5);
	many_registers(1, 2, 3, 4, 5, 6, 7, 8);
	qsort(numbers, 3, sizeof *numbers, compare);
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	sum += s->area();
	try {
		thrower(3);
	} catch (std::exception &) {
		SAY("main");
	}
	pthread_create(&t, 0, thread, 0);
	pthread_join(t, 0);
	delete s;
	return sum == 0;
}
