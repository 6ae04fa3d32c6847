/* Threads that do the same at once.
 *
 *   race SESSION MAP WHAT THREADS ROUNDS
 *
 * insert   in each round all try to insert the same key with BPF_NOEXIST: one may
 * delete   ... to delete it: one may
 * update   ... to update it with BPF_EXIST: all may; deletes it in the end
 * fill     ... to update the keys 0 to 7 with BPF_ANY, each in another order, in a map of
 *          8: all may; deletes them in the end
 * add      each adds 1 to key 0, ROUNDS times, with plain additions
 * write    each replaces the keys 0 to ROUNDS - 1 by bytes that are all the same, until
 *          it is killed
 *
 * Prints the number of rounds in which it was not so, or for add what it was. */
#include <pthread.h>

#include "host.h"

static struct map_header *map;
static const char *what;
static u32 nthreads, rounds;
static pthread_barrier_t round_begins, round_ends;
static u32 succeeded, wrong;

static void fill(u64 ctx, u64 lease)
{
	for (u64 i = 0; i < 8; i++) {
		u64 key = (i * (lease % 4 * 2 + 1) + lease) % 8, value[4] = {lease, lease, lease, lease};

		u64 r;

		do /* -EBUSY says that it could not find out in time, not that the map is full */
			r = bpftime_map_update_elem((u64)map, (u64)&key, (u64)value, BPF_ANY, 0, ctx);
		while (r == error(EBUSY_) && !usleep(100));
		if (r)
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	}
}

static void one(u64 ctx, u64 lease, u32 round)
{
	u64 key = round, value[4] = {lease, lease, lease, lease}, r;

	if (*what == 'i')
		r = bpftime_map_update_elem((u64)map, (u64)&key, (u64)value, BPF_NOEXIST, 0, ctx);
	else if (*what == 'd')
		r = bpftime_map_delete_elem((u64)map, (u64)&key, 0, 0, 0, ctx);
	else
		r = bpftime_map_update_elem((u64)map, (u64)&key, (u64)value, BPF_EXIST, 0, ctx);
	if (!r)
		__atomic_fetch_add(&succeeded, 1, __ATOMIC_RELAXED);
	else if (r != error(*what == 'i' ? EEXIST_ : ENOENT_))
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

static void before(u64 ctx, u32 round)
{
	u64 key = round, value[4] = {9, 9, 9, 9};

	succeeded = 0;
	if (*what == 'd' || *what == 'u')
		wrong += bpftime_map_update_elem((u64)map, (u64)&key, (u64)value, BPF_NOEXIST, 0, ctx) != 0;
}

static void behind(u64 ctx, u32 round)
{
	u64 key = round;

	for (u64 i = 0; *what == 'f' && i < 8; i++)
		wrong += bpftime_map_delete_elem((u64)map, (u64)&i, 0, 0, 0, ctx) != 0;
	if (*what == 'f')
		return;
	wrong += succeeded != (*what == 'u' ? nthreads : 1);
	if (*what != 'd')
		wrong += bpftime_map_delete_elem((u64)map, (u64)&key, 0, 0, 0, ctx) != 0;
}

static void write_all(u64 ctx, u32 seed)
{
	static __thread u8 value[4096];

	for (u64 i = seed;; i++) {
		u64 key = i % rounds, r;

		memset(value, (int)(i * 7), sizeof value);
		r = bpftime_map_update_elem((u64)map, (u64)&key, (u64)value, BPF_ANY, 0, ctx);
		if (r) {
			fprintf(stderr, "update: %lld\n", (long long)r);
			exit(4);
		}
	}
}

static void *thread(void *arg)
{
	u64 lease = (u64)arg * 3 + 1;
	struct caller c;

	caller_init(&c, (u32)lease, 0);
	if (*what == 'w')
		write_all(context(&c), (u32)lease);
	for (u32 i = 0; i < rounds; i++) {
		u64 key = 0;

		if (*what == 'a') {
			++*(volatile u64 *)bpftime_map_lookup_elem((u64)map, (u64)&key, 0, 0, 0, context(&c));
			continue;
		}
		if (!arg)
			before(context(&c), i);
		pthread_barrier_wait(&round_begins);
		if (*what == 'f')
			fill(context(&c), lease);
		else
			one(context(&c), lease, i);
		pthread_barrier_wait(&round_ends);
		if (!arg)
			behind(context(&c), i);
	}
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t t[64];

	if (argc != 6)
		return 2;
	session_open(argv[1], 1);
	map = map_open(argv[2]);
	what = argv[3], nthreads = (u32)atoi(argv[4]), rounds = (u32)atoi(argv[5]);
	if (!map || !nthreads || nthreads > 64)
		return 3;
	pthread_barrier_init(&round_begins, 0, nthreads);
	pthread_barrier_init(&round_ends, 0, nthreads);
	for (u64 i = 0; i < nthreads; i++)
		if (pthread_create(&t[i], 0, thread, (void *)i))
			die("pthread_create");
	for (u32 i = 0; i < nthreads; i++)
		pthread_join(t[i], 0);
	printf("%u\n", wrong);
	return 0;
}
