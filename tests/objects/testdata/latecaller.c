/* A library without frame pointers, whose rbp is a number like any other. */
#define NOIPA __attribute__((noipa))

static volatile long calls;

NOIPA static long inner(long (*f)(long), long n)
{
	long a[16], r;

	for (int i = 0; i < 16; i++)
		a[i] = n * i;
	r = f(n);
	for (int i = 0; i < 16; i++)
		r += a[i];
	return r + calls;
}

NOIPA static long middle(long (*f)(long), long n, long b, long c, long d, long e, long g)
{
	register long x __asm__("rbp") = n * 0x123456789;

	__asm__ volatile("" : "+r"(x));
	n = inner(f, n);
	__asm__ volatile("" : "+r"(x));
	return n + x + b + c + d + e + g;
}

long outer(long (*f)(long), long n)
{
	calls = calls + 1;
	return middle(f, n, n + 1, n + 2, n + 3, n + 4, n + 5) + calls;
}
