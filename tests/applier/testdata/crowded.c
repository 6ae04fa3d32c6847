// A library whose constructor fills the address space around the main program before the agent looks for room there.
// CROWDED is "LOW HIGH" in hex, distances from the start of the program's text: what lies between them stays free.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096L
#define AROUND (3L << 30)

struct range {
	long lo, hi;
};

static void die(const char *what)
{
	perror(what);
	_exit(90);
}

static void fill(long lo, long hi)
{
	if (lo < hi && mmap((void *)lo, (size_t)(hi - lo), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != (void *)lo)
		die("fill");
}

// fill_around fills what is free in [lo, hi), but for the hole.
static void fill_around(struct range free_range, struct range hole)
{
	if (hole.hi <= free_range.lo || free_range.hi <= hole.lo) {
		fill(free_range.lo, free_range.hi);
		return;
	}
	fill(free_range.lo, hole.lo);
	fill(hole.hi, free_range.hi);
}

static int read_maps(struct range *maps, int most, long *text)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[4352], perms[8];
	int n = 0;

	while (f && n < most && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx %7s", (unsigned long *)&maps[n].lo, (unsigned long *)&maps[n].hi, perms) != 3)
			die("maps");
		if (!*text && perms[2] == 'x')
			*text = maps[n].lo;
		n++;
	}
	if (!f || fclose(f))
		die("maps");
	return n;
}

__attribute__((constructor)) static void crowd(void)
{
	static struct range maps[256];
	const char *wish = getenv("CROWDED");
	struct range hole;
	long text = 0, low, high, end;
	int n;

	if (!wish || sscanf(wish, "%ld %ld", &hole.lo, &hole.hi) != 2)
		return;
	n = read_maps(maps, 256, &text);
	hole.lo += text;
	hole.hi += text;
	low = text - AROUND;
	high = text + AROUND;
	end = low;
	for (int i = 0; i < n; i++) {
		if (maps[i].lo >= high)
			break;
		fill_around((struct range){end, maps[i].lo}, hole);
		end = maps[i].hi > end ? maps[i].hi : end;
	}
	fill_around((struct range){end, high}, hole);
}
