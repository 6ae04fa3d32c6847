// many N: calls each of its 20 000 functions N times, and says what they returned in all.
#include <stdio.h>
#include <stdlib.h>

extern long (*const many[20000])(long);

int main(int argc, char **argv)
{
	long sum = 0;

	for (int n = argc > 1 ? atoi(argv[1]) : 1; n > 0; n--)
		for (int i = 0; i < 20000; i++)
			sum += many[i](n);
	printf("%ld\n", sum);
	return 0;
}
