// guest: what runs under a restriction. It calls malloc and f, says so, and waits for the end of its input while the
// harness reads its memory.
#include "probed.h"
#include <unistd.h>

int main(void)
{
	char c;
	static atomic_long count; // no shared memory here: the restriction may forbid it
	calls = &count;
	for (int i = 0; i < 10; i++) {
		void *volatile p = malloc(100 + i);
		if (!p)
			return 97;
		free(p);
	}
	call(100);
	if (write(1, "ready\n", 6) != 6)
		return 96;
	while (read(0, &c, 1) > 0)
		;
	return 23;
}
