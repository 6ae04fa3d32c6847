/* The least that maps could cost: tables of this process alone, of one size of key and value, under a lock that nobody else
 * takes, used as programs use maps (maps.bpf.c): CALLS times in a call, by the same keys. */
#include "programs.h"
#include "sample.h"

#define KEYS 1024
#define HEADS 2048
#define RECORD 64
#define ROOM (1 << 16) /* of a ring, in words */

static struct least {
	uint64_t key, value;
	uint32_t next;
} nodes[2 * KEYS + 1];
static uint64_t array[KEYS], ring[ROOM], reserved;
static uint32_t heads[HEADS], unused, lock_word;

static inline uint32_t *head_of(uint64_t key) { return &heads[(key * 0x9e3779b97f4a7c15u) >> 53]; }

static __attribute__((noinline)) uint64_t *find(const uint64_t *key)
{
	for (uint32_t n = *head_of(*key); n; n = nodes[n].next)
		if (nodes[n].key == *key)
			return &nodes[n].value;
	return 0;
}

static inline void take_lock(void)
{
	while (__atomic_exchange_n(&lock_word, 1, __ATOMIC_ACQUIRE))
		;
}

static inline void free_lock(void) { __atomic_store_n(&lock_word, 0, __ATOMIC_RELEASE); }

static __attribute__((noinline)) void put(const uint64_t *key, const uint64_t *value)
{
	uint64_t *at;

	take_lock();
	at = find(key);
	if (at) {
		*at = *value;
	} else {
		uint32_t n = unused;

		unused = nodes[n].next;
		nodes[n] = (struct least){ *key, *value, *head_of(*key) };
		*head_of(*key) = n;
	}
	free_lock();
}

static __attribute__((noinline)) void drop(const uint64_t *key)
{
	take_lock();
	for (uint32_t *at = head_of(*key); *at; at = &nodes[*at].next) {
		uint32_t n = *at;

		if (nodes[n].key != *key)
			continue;
		*at = nodes[n].next;
		nodes[n].next = unused;
		unused = n;
		break;
	}
	free_lock();
}

/* A place that others may want at once, and the word that says the record is whole. */
static __attribute__((noinline)) void output(const uint64_t *record)
{
	uint64_t at = __atomic_fetch_add(&reserved, 1 + RECORD / 8, __ATOMIC_RELAXED);

	for (int i = 0; i < RECORD / 8; i++)
		ring[(at + 1 + (uint64_t)i) % ROOM] = record[i];
	__atomic_store_n(&ring[at % ROOM], RECORD, __ATOMIC_RELEASE);
}

static __attribute__((constructor)) void fill(void)
{
	for (uint32_t n = 1; n <= 2 * KEYS; n++)
		nodes[n].next = n < 2 * KEYS ? n + 1 : 0;
	unused = 1;
	for (uint64_t key = 0; key < KEYS; key++)
		put(&key, &key);
}

#define USE(name, use)                                                              \
	uint64_t f_least_##name(const char *text, int i, uint64_t x);               \
	uint64_t f_least_##name(const char *text, int i, uint64_t x)                \
	{                                                                           \
		uint64_t key, value = 1, sum = 0, record[RECORD / 8] = { 0 };       \
		_Pragma("GCC unroll 32") for (int k = 0; k < CALLS; k++)            \
		{                                                                   \
			key = (x * CALLS + (uint64_t)k) % KEYS;                     \
			__asm__ volatile("" : "+m"(key), "+m"(value), "+m"(record)); \
			use;                                                        \
		}                                                                   \
		__asm__ volatile("" : : "r"(sum));                                  \
		return (uint64_t)text[i] + x;                                       \
	}

USE(key, )
USE(array, sum += array[key % KEYS])
USE(hash, sum += *find(&key))
USE(hash_update, put(&key, &value))
USE(hash_insert, key += KEYS; put(&key, &value); drop(&key))
USE(ring, record[0] = key; output(record))
