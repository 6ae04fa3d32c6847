// writable: its function f lies in a segment that is mapped writable and executable, as self-modifying programs have.
#include <stdio.h>

__attribute__((noinline, noclone, section(".wtext,\"awx\",@progbits#"))) long f(long x)
{
	volatile long keep = x;
	return keep + 1;
}

int main(void)
{
	long sum = 0;
	for (int i = 0; i < 100; i++)
		sum += f(i);
	printf("%ld\n", sum);
	return 0;
}
