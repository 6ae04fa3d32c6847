/* Threads that use a hash and each other's keys as fast as they can, until killed.
 *
 *   hammer SESSION MAP PROC THREADS SEED
 *
 * Each thread takes a free lease of the session in the name of process slot PROC - 1.
 * It has keys of its own, {lease, n} for n < OWN, of which it knows what is in them;
 * and all share the keys {-1, n} for n < SHARED. A value is four times the same
 * number. A key that is not as its owner left it, and a value of unequal numbers, end
 * the process with 1. The first operation that takes longer than 10 ms of processor
 * time ends it with 2. */
#include <pthread.h>
#include <time.h>

#include "host.h"

#define LEASES 24
#define OWN 8
#define SHARED 4

struct key {
	u32 who, n;
};

static struct map_header *map;
static u32 proc, seed;

static void wrong(const char *what, struct key k, u64 have, u64 want)
{
	fprintf(stderr, "%s: key %u/%u: %llu, want %llu\n", what, k.who, k.n, (unsigned long long)have, (unsigned long long)want);
	_exit(1);
}

static u32 take_lease(void)
{
	struct session_lease *leases = bpftime_resident.session->leases;

	for (u32 i = (u32)getpid() % LEASES;; i = (i + 1) % LEASES)
		if (!leases[i].owner && cas(&leases[i].owner, 0, proc))
			return i;
}

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static u64 update(u64 ctx, struct key k, u64 v, u64 flags)
{
	u64 value[4] = {v, v, v, v};

	return bpftime_map_update_elem((u64)map, (u64)&k, (u64)value, flags, 0, ctx);
}

static u64 delete(u64 ctx, struct key k) { return bpftime_map_delete_elem((u64)map, (u64)&k, 0, 0, 0, ctx); }

/* The value, 0 if there is none. */
static u64 lookup(u64 ctx, struct key k)
{
	u64 *at = (u64 *)bpftime_map_lookup_elem((u64)map, (u64)&k, 0, 0, 0, ctx);

	return at ? *at : 0;
}

static void use_own(u64 ctx, struct key k, u64 *have, u32 what, u64 v)
{
	u64 r;

	if (lookup(ctx, k) != *have)
		wrong("lookup", k, lookup(ctx, k), *have);
	if (what % 3) {
		r = update(ctx, k, v, *have ? BPF_EXIST : BPF_NOEXIST);
		*have = v;
	} else {
		r = delete(ctx, k);
		r = *have ? r : r != error(ENOENT_);
		*have = 0;
	}
	if (r)
		wrong("result", k, r, 0);
}

static void *thread(void *arg)
{
	u64 own[OWN] = {0}, x = seed + (u64)arg * 77777 + 1, before = now();
	u32 lease = take_lease();
	struct caller c;

	caller_init(&c, lease, 0);
	for (u32 n = 0; n < OWN; n++) { /* whoever had the lease was killed */
		struct key k = {lease, n};

		own[n] = lookup(context(&c), k);
	}
	for (u32 i = 0;; i++) {
		u64 took = i % 64 ? 0 : now() - before;

		if (took > 64 * 10000000ul)
			_exit(2);
		before = i % 64 ? before : now();
		x = x * 6364136223846793005u + 1442695040888963407u;
		if (x >> 61) {
			u32 n = (u32)(x >> 40) % OWN;

			use_own(context(&c), (struct key){lease, n}, &own[n], (u32)(x >> 50), x >> 8 | 1);
		} else {
			struct key k = {0xffffffff, (u32)(x >> 40) % SHARED};
			u64 r = x >> 50 & 1 ? update(context(&c), k, x >> 8 | 1, BPF_ANY) : delete(context(&c), k);

			if (r && r != error(ENOENT_))
				wrong("shared", k, r, 0);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc != 6)
		return 3;
	proc = (u32)atoi(argv[3]);
	session_open(argv[1], proc);
	map = map_open(argv[2]);
	if (!map)
		return 3;
	seed = (u32)atoi(argv[5]);
	for (u64 i = 1; i < (u64)atoi(argv[4]); i++)
		if (pthread_create(&t, 0, thread, (void *)i))
			die("pthread_create");
	thread(0);
}
