/* A producer or a consumer of a queue, of as many of each as there are.
 *
 *   queue SESSION MAP NUMBER PRODUCERS EACH
 *
 * Those below PRODUCERS push {NUMBER, n} for n from 1 to EACH, again when it is full. The
 * others pop until all have got what there is, which the session's first counter says, and
 * print what they got. With EACH 0 each does both, for ever, also into a full one, with
 * values of four equal words, and ends when it gets another. */
#include <sched.h>

#include "host.h"

struct element {
	u64 who, n;
};

/* Waits while another one mends what the last holder left: two at one record would spoil it. */
static void take_lease(u32 lease, u64 proc)
{
	while (!cas(&bpftime_resident.session->leases[lease].owner, 0, proc))
		sched_yield();
}

static void endless(u64 map, u64 ctx, u64 who)
{
	u64 v[4], n = who << 32;

	for (;; n++) {
		for (int i = 0; i < 4; i++)
			v[i] = n;
		bpftime_map_push_elem(map, (u64)v, n % 3 ? 0 : BPF_EXIST, 0, 0, ctx);
		if (n % 4 && !bpftime_map_pop_elem(map, (u64)v, 0, 0, 0, ctx) && (v[0] != v[1] || v[1] != v[2] || v[2] != v[3])) {
			fprintf(stderr, "torn: %llx %llx %llx %llx\n", (unsigned long long)v[0], (unsigned long long)v[1], (unsigned long long)v[2], (unsigned long long)v[3]);
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	struct element e;
	struct caller c;
	u64 map, who, producers, each, ctx, *got;

	if (argc != 6)
		return 2;
	session_open(argv[1], (u32)atoi(argv[3]) + 1);
	map = (u64)map_open(argv[2]);
	if (!map)
		return 3;
	who = strtoull(argv[3], 0, 0);
	producers = strtoull(argv[4], 0, 0);
	each = strtoull(argv[5], 0, 0);
	caller_init(&c, (u32)who + 20, 0);
	ctx = context(&c);
	take_lease((u32)who + 20, who + 1);
	if (!each)
		endless(map, ctx, who);
	for (e = (struct element){who, 1}; who < producers && e.n <= each; e.n++)
		while (bpftime_map_push_elem(map, (u64)&e, 0, 0, 0, ctx))
			sched_yield();
	got = &bpftime_resident.session->counters[0][0];
	while (who >= producers && load(got) < producers * each) {
		if (bpftime_map_pop_elem(map, (u64)&e, 0, 0, 0, ctx)) {
			sched_yield();
			continue;
		}
		map_count(got);
		printf("%llu %llu\n", (unsigned long long)e.who, (unsigned long long)e.n);
	}
	return 0;
}
