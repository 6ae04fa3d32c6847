/* Compiled without unwind data: it follows its own frame pointers. */
#include <stdio.h>

__attribute__((noipa)) long witness(long n) { return n * 3 + 1; }

static volatile long sum;

__attribute__((noipa)) static long inner(long n)
{
	void **frame = __builtin_frame_address(0);

	sum += witness(n);
	printf("pointers");
	for (int i = 0; i < 3; i++, frame = *frame)
		printf(" %p", frame[1]);
	printf("\n");
	return sum;
}

__attribute__((noipa)) static long middle(long n) { return inner(n + 1) + 1; }
__attribute__((noipa)) static long outer(long n) { return middle(n + 1) + 1; }

int main(void) { return outer(1) == 0; }
