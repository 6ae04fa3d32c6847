/* Spends its time two calls below a function that is probed, for a sampler that
 * walks the stack. */
#include <stdio.h>

static volatile long sum;

__attribute__((noinline)) void spin(long n)
{
	for (long i = 0; i < n; i++)
		sum += i * i;
}

__attribute__((noinline)) int probed(long n)
{
	spin(n);
	return (int)++sum;
}

__attribute__((noinline)) int caller(long n)
{
	int r = probed(n);

	sum++;
	return r;
}

int main(void)
{
	long r = 0;

	for (int i = 0; i < 300; i++)
		r += caller(1000000);
	puts(r ? "done" : "");
	return 0;
}
