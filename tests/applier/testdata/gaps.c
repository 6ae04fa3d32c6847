// Asks the agent's search for room near a module, in address spaces that are only told. Reads records from stdin: low,
// high, size (u64 each), u32 and the text of /proc/self/maps. Answers each with the address, in hex, on a line.
#include "agent.h"

#include <stdio.h>
#include <stdlib.h>

static char *told;
static u32 told_size;

static long open_told(void)
{
	long fd = SYS2(__NR_memfd_create, "maps", 0);

	if (failed(fd) || SYS3(__NR_write, fd, told, told_size) != (long)told_size || SYS3(__NR_lseek, fd, 0, 0))
		exit(3);
	return fd;
}

#define sys_open(path, flags, mode) (str_eq(path, "/proc/self/maps") ? open_told() : -ENOENT_)
#include "maps.c"

int main(void)
{
	u64 ask[3];

	while (fread(ask, sizeof ask, 1, stdin) == 1) {
		if (fread(&told_size, 4, 1, stdin) != 1)
			return 2;
		told = malloc(told_size + 1ul);
		if (told_size && fread(told, told_size, 1, stdin) != 1)
			return 2;
		printf("%lx\n", gap_find(ask[0], ask[1], ask[2]));
		free(told);
	}
	return 0;
}
