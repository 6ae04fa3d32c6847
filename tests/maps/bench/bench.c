/* What operations of maps cost, beside the lock that is their lower bound.
 *
 *   bench HASH ARRAY PERCPU_HASH PERCPU_ARRAY RING LRU_HASH LRU_PERCPU_HASH LPM_TRIE ROUNDS
 *
 * Variants are interleaved; each line is "NAME MIN MEDIAN" in nanoseconds. */
#include <time.h>

#include "host.h"

#define KEYS 1000
#define CALLS 20000
#define MOST_ROUNDS 1000

static struct map_header *hash, *array, *percpu_hash, *percpu_array, *ring, *lru_hash, *lru_percpu_hash, *lpm_trie;
static struct caller c;
static volatile u64 sink;

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

#define LOOP(name, body) \
	static __attribute__((noinline)) u64 run_##name(void) \
	{ \
		u64 ctx = context(&c), key = 0, value = 1, word = 0; \
		u32 index = 0; \
		(void)ctx, (void)key, (void)value, (void)word, (void)index; \
		for (u32 i = 0; i < CALLS; i++) { \
			body; \
			__asm__ volatile("" ::: "memory"); \
		} \
		return word; \
	}
#define LOOKUP(map, key) (*(volatile u64 *)bpftime_map_lookup_elem((u64)map, (u64)&key, 0, 0, 0, ctx))
#define UPDATE(map, key, value) bpftime_map_update_elem((u64)map, (u64)&key, (u64)&value, BPF_ANY, 0, ctx)

LOOP(empty, word += i)
LOOP(lock, __atomic_fetch_add(&word, 1, __ATOMIC_RELAXED))
LOOP(array_lookup, index = i % KEYS; word += LOOKUP(array, index))
LOOP(array_update, index = i % KEYS; UPDATE(array, index, value))
LOOP(percpu_array_lookup, index = i % KEYS; word += LOOKUP(percpu_array, index))
LOOP(hash_lookup, key = i % KEYS; word += LOOKUP(hash, key))
LOOP(hash_miss, key = KEYS + i % KEYS; word += bpftime_map_lookup_elem((u64)hash, (u64)&key, 0, 0, 0, ctx))
LOOP(hash_update, key = i % KEYS; UPDATE(hash, key, value))
LOOP(hash_insert_delete, key = KEYS + i % KEYS; UPDATE(hash, key, value); bpftime_map_delete_elem((u64)hash, (u64)&key, 0, 0, 0, ctx))
LOOP(hash_insert_delete_one, key = KEYS; UPDATE(hash, key, value); bpftime_map_delete_elem((u64)hash, (u64)&key, 0, 0, 0, ctx))
LOOP(percpu_hash_lookup, key = i % KEYS; word += LOOKUP(percpu_hash, key))
LOOP(percpu_hash_update, key = i % KEYS; UPDATE(percpu_hash, key, value))

LOOP(lru_hash_lookup, key = i % KEYS; word += LOOKUP(lru_hash, key))
LOOP(lru_hash_update, key = i % KEYS; UPDATE(lru_hash, key, value))
LOOP(lru_hash_insert_delete, key = KEYS + i % KEYS; UPDATE(lru_hash, key, value); bpftime_map_delete_elem((u64)lru_hash, (u64)&key, 0, 0, 0, ctx))
LOOP(lru_percpu_hash_lookup, key = i % KEYS; word += LOOKUP(lru_percpu_hash, key))
LOOP(lru_percpu_hash_update, key = i % KEYS; UPDATE(lru_percpu_hash, key, value))

/* Prefixes as of IPv4: KEYS of 24 bits, one of 16, one of 8. Keys found in the first. */
INLINE u64 prefix_of(u32 i, u32 length) { return length | (u64)__builtin_bswap32(10u << 24 | i << 8) << 32; }

LOOP(lpm_trie_lookup, key = prefix_of(i % KEYS, 32); word += LOOKUP(lpm_trie, key))
LOOP(lpm_trie_lookup_third, key = prefix_of(1u << 15 | i % KEYS, 32); word += LOOKUP(lpm_trie, key))
LOOP(lpm_trie_update, key = prefix_of(i % KEYS, 24); UPDATE(lpm_trie, key, value))
LOOP(lpm_trie_insert_delete, key = prefix_of(KEYS + i % KEYS, 24); UPDATE(lpm_trie, key, value); bpftime_map_delete_elem((u64)lpm_trie, (u64)&key, 0, 0, 0, ctx))

/* Each inserts a key for which another goes. */
static u64 fresh = 1ul << 32;
LOOP(lru_hash_evict, key = fresh++; UPDATE(lru_hash, key, value))

/* The least it could cost: a table of this process alone, of one size of key and value,
 * under one lock that nobody else takes. */
static struct least {
	u64 key, value;
	u32 next;
} least[2 * KEYS + 1];
static u32 heads[2048], unused = 1, lock_word;

static inline u32 *least_head(u64 key) { return &heads[(u32)((key * 0x9e3779b97f4a7c15u) >> 53)]; }

static __attribute__((noinline)) u64 *least_lookup(const u64 *key)
{
	for (u32 i = *least_head(*key); i; i = least[i].next)
		if (least[i].key == *key)
			return &least[i].value;
	return 0;
}

static __attribute__((noinline)) void least_update(const u64 *key, const u64 *value)
{
	u64 *at;

	while (__atomic_exchange_n(&lock_word, 1, __ATOMIC_ACQUIRE))
		;
	at = least_lookup(key);
	if (at) {
		*at = *value;
	} else {
		u32 n = unused;

		unused = least[n].next ? least[n].next : n + 1;
		least[n] = (struct least){*key, *value, *least_head(*key)};
		*least_head(*key) = n;
	}
	__atomic_store_n(&lock_word, 0, __ATOMIC_RELEASE);
}

static __attribute__((noinline)) void least_delete(const u64 *key)
{
	while (__atomic_exchange_n(&lock_word, 1, __ATOMIC_ACQUIRE))
		;
	for (u32 *at = least_head(*key); *at; at = &least[*at].next) {
		u32 n = *at;

		if (least[n].key != *key)
			continue;
		*at = least[n].next;
		least[n].next = unused;
		unused = n;
		break;
	}
	__atomic_store_n(&lock_word, 0, __ATOMIC_RELEASE);
}

LOOP(least_lookup, key = i % KEYS; word += *least_lookup(&key))
LOOP(least_update, key = i % KEYS; least_update(&key, &value))
LOOP(least_insert_delete, key = KEYS; least_update(&key, &value); least_delete(&key))

static u64 record[8];

/* The consumer of a ring without one: all of it is read. */
static void drain(void)
{
	u64 *words = (u64 *)((u8 *)ring + MAP_RING_OFF), pos = *(u64 *)((u8 *)ring + MAP_RING_PRODUCER) & ((1ul << RING_POS_BITS) - 1);
	u64 *consumed = (u64 *)((u8 *)ring + MAP_RING_CONSUMER), size = ring->max_entries / 8;

	for (u64 at = *consumed / 8; at < pos; at++)
		words[at % size] = (at / size + 1) << 32;
	*consumed = pos * 8;
}

LOOP(ring_output, word += bpftime_ringbuf_output((u64)ring, (u64)record, sizeof record, 0, 0, ctx))
LOOP(ring_reserve_submit, u64 *at = (u64 *)bpftime_ringbuf_reserve((u64)ring, sizeof record, 0, 0, 0, ctx); if (at) {
	for (u32 k = 0; k < 8; k++)
		at[k] = i;
	bpftime_ringbuf_submit((u64)at, 0, 0, 0, 0, ctx);
} else word++)

static struct variant {
	const char *name;
	u64 (*run)(void);
	double ns[MOST_ROUNDS];
	int full; /* leaves the lru_hash full of other keys */
} variants[] = {
	{.name = "empty", .run = run_empty}, {.name = "lock", .run = run_lock},
	{.name = "array_lookup", .run = run_array_lookup}, {.name = "array_update", .run = run_array_update},
	{.name = "percpu_array_lookup", .run = run_percpu_array_lookup}, {.name = "hash_lookup", .run = run_hash_lookup},
	{.name = "hash_lookup_miss", .run = run_hash_miss}, {.name = "hash_update", .run = run_hash_update},
	{.name = "hash_insert_delete", .run = run_hash_insert_delete}, {.name = "hash_insert_delete_one", .run = run_hash_insert_delete_one},
	{.name = "percpu_hash_lookup", .run = run_percpu_hash_lookup}, {.name = "percpu_hash_update", .run = run_percpu_hash_update},
	{.name = "least_hash_lookup", .run = run_least_lookup}, {.name = "least_hash_update", .run = run_least_update},
	{.name = "least_hash_insert_delete", .run = run_least_insert_delete},
	{.name = "lru_hash_lookup", .run = run_lru_hash_lookup}, {.name = "lru_hash_update", .run = run_lru_hash_update},
	{.name = "lru_hash_insert_delete", .run = run_lru_hash_insert_delete}, {.name = "lru_percpu_hash_lookup", .run = run_lru_percpu_hash_lookup},
	{.name = "lru_percpu_hash_update", .run = run_lru_percpu_hash_update}, {.name = "lpm_trie_lookup", .run = run_lpm_trie_lookup},
	{.name = "lpm_trie_lookup_third", .run = run_lpm_trie_lookup_third}, {.name = "lpm_trie_update", .run = run_lpm_trie_update},
	{.name = "lpm_trie_insert_delete", .run = run_lpm_trie_insert_delete}, {.name = "lru_hash_evict", .run = run_lru_hash_evict, .full = 1},
	{.name = "ring_output", .run = run_ring_output}, {.name = "ring_reserve_submit", .run = run_ring_reserve_submit},
};
#define NVARIANTS (sizeof variants / sizeof *variants)

static int ascending(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

/* What was evicted comes back. */
static void fill_lru(void)
{
	for (u64 ctx = context(&c), key = 0, value = 1, from = fresh > 8192 + (1ul << 32) ? fresh - 8192 : 1ul << 32; key < KEYS; key++) {
		while (from < fresh) {
			u64 k = from++;

			bpftime_map_delete_elem((u64)lru_hash, (u64)&k, 0, 0, 0, ctx);
		}
		UPDATE(lru_hash, key, value);
	}
}

static void measure(struct variant *v, int round)
{
	u64 t;

	drain();
	t = now();
	sink = v->run();
	v->ns[round] = (double)(now() - t) / CALLS;
	if (v->full)
		fill_lru();
}

static void fill(void)
{
	u64 ctx = context(&c), value = 1;

	for (u64 key = 0; key < KEYS; key++) {
		u64 prefix = prefix_of((u32)key, 24);

		least_update(&key, &value);
		if (UPDATE(hash, key, value) || UPDATE(percpu_hash, key, value) || UPDATE(lru_hash, key, value) ||
		    UPDATE(lru_percpu_hash, key, value) || UPDATE(lpm_trie, prefix, value))
			exit(4);
	}
	for (u32 length = 8; length <= 16; length += 8) {
		u64 prefix = prefix_of(0, length);

		if (UPDATE(lpm_trie, prefix, value))
			exit(4);
	}
}

int main(int argc, char **argv)
{
	int rounds = argc == 10 ? atoi(argv[9]) : 0;

	if (rounds < 1 || rounds > MOST_ROUNDS)
		return 2;
	session_open("-", 1);
	caller_init(&c, 7, 0);
	hash = map_open(argv[1]), array = map_open(argv[2]), percpu_hash = map_open(argv[3]), percpu_array = map_open(argv[4]), ring = map_open(argv[5]);
	lru_hash = map_open(argv[6]), lru_percpu_hash = map_open(argv[7]), lpm_trie = map_open(argv[8]);
	if (!hash || !array || !percpu_hash || !percpu_array || !ring || !lru_hash || !lru_percpu_hash || !lpm_trie)
		return 3;
	fill();
	for (int r = 0; r < rounds; r++)
		for (u32 i = 0; i < NVARIANTS; i++)
			measure(&variants[r % 2 ? NVARIANTS - 1 - i : i], r);
	for (u32 i = 0; i < NVARIANTS; i++) {
		qsort(variants[i].ns, (size_t)rounds, sizeof(double), ascending);
		printf("%s %.2f %.2f\n", variants[i].name, variants[i].ns[0], variants[i].ns[rounds / 2]);
	}
	return 0;
}
