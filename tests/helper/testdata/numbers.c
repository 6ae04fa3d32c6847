// numbers: answers lines "ID A B N" with the result of a helper: 105 and 106 of the text A with flags N, 28 from A to B
// with seed N, 118. A and B are bytes in hex, - for none.
#include "harness.h"

static u8 a[4096], b[4096];

static u64 bytes(const char *hex, u8 *to)
{
	u64 n = 0;
	for (unsigned v; *hex != '-' && sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
		to[n] = v;
	return n;
}

int main(void)
{
	static char first[8300], second[8300];
	u32 id;
	u64 n;
	start(0);
	while (scanf("%u %8299s %8299s %lu", &id, first, second, &n) == 4) {
		u64 value = 1, na = bytes(first, a), nb = bytes(second, b);
		long r = id == 28 ? call(id, a, na, b, nb, n) : id == 118 ? call(id) : call(id, a, na, n, &value);
		printf("%ld %lu\n", r, id == 28 || id == 118 ? 0 : value);
		fflush(stdout);
	}
	return 0;
}
