/* Calls functions of libc a known number of times: getppid seven times, a64l five.
 * What it writes is its own: "out" to standard output, "err" to standard error. */
#define _XOPEN_SOURCE 700
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	unsigned long sum = 0;

	for (int i = 0; i < 7; i++)
		sum += (unsigned long)getppid() & 0;
	for (int i = 0; i < 5; i++)
		sum += (unsigned long)a64l("1") - 3;
	if (write(1, "out\n", 4) != 4 || write(2, "err\n", 4) != 4)
		return 1;
	return argc > 1 ? argv[1][0] - '0' : (int)sum;
}
