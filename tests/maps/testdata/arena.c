/* Processes that take pages of an arena and give them back.
 *
 *   arena SESSION MAP PROCESSES ROUNDS
 *
 * Each writes its number all over the pages it has, and finds it there before it gives
 * them back. Prints how often that was not so, and how often there were no pages. */
#include "host.h"

#include <sys/wait.h>

#define HELD 4

struct found {
	u64 wrong, none;
};

static u64 *at(struct map_header *h, u64 addr) { return (u64 *)((u8 *)h + h->data + (u32)(addr - h->start)); }

static u64 mark(struct map_header *h, u64 addr, u64 pages, u64 before, u64 after)
{
	u64 wrong = 0;

	for (u64 *p = at(h, addr), *end = p + pages * 512; p < end; p += 64) {
		wrong += *(volatile u64 *)p != before;
		*(volatile u64 *)p = after;
	}
	return wrong;
}

static void work(struct map_header *h, u64 id, u64 rounds, struct found *found)
{
	u64 have[HELD] = {}, pages[HELD], random = id * 0x9e3779b97f4a7c15;
	struct caller c;

	caller_init(&c, (u32)id, 0);
	for (u64 n = 0; n < rounds + HELD; n++) {
		u32 k = n % HELD;

		random = random * 6364136223846793005 + 1442695040888963407;
		if (have[k]) {
			found->wrong += mark(h, have[k], pages[k], id, id);
			bpftime_arena_free_pages((u64)h, have[k], pages[k], 0, 0, context(&c));
			have[k] = 0;
		}
		if (n >= rounds)
			continue;
		pages[k] = random >> 60 ? 1 + (random >> 58 & 3) : 70;
		have[k] = bpftime_arena_alloc_pages((u64)h, 0, pages[k], 0, 0, context(&c));
		if (have[k])
			found->wrong += mark(h, have[k], pages[k], 0, id);
		else
			found->none++;
	}
}

int main(int argc, char **argv)
{
	struct found *found = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), all = {};
	u64 processes;
	int status, bad = 0;

	if (argc != 5 || found == MAP_FAILED)
		return 2;
	processes = strtoul(argv[3], 0, 10);
	for (u64 n = 0; n < processes; n++) {
		if (fork())
			continue;
		session_open(argv[1], 1);
		work(map_open(argv[2]), n + 1, strtoul(argv[4], 0, 10), &found[n]);
		_exit(0);
	}
	while (wait(&status) > 0)
		bad += status != 0;
	for (u64 n = 0; n < processes; n++) {
		all.wrong += found[n].wrong;
		all.none += found[n].none;
	}
	printf("%lu %lu\n", all.wrong, all.none);
	return bad;
}
