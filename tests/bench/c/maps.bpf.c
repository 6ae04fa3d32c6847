/* Programs that use maps so often that one use is what is left over from a hit: CALLS times, see sites.go. The same object
 * runs in the host and in the kernel. What did not do what it should is counted: such a row has no figure. */
#include "programs.h"

#define KEYS 1024
#define RECORD 64
#define LOOPS 32

#define __uint(name, v) int(*name)[v]
#define __type(name, v) typeof(v) *name
#define __array(name, v) typeof(v) *name[]
#define SEC(name) __attribute__((section(name), used))

typedef unsigned int u32;
typedef unsigned long u64;

#define MAP(name, kind, key_, entries, extra)    \
	struct {                                 \
		__uint(type, kind);              \
		__type(key, key_);               \
		__type(value, u64);              \
		__uint(max_entries, entries);    \
		__uint(map_flags, extra);        \
	} name SEC(".maps")

enum { HASH = 1, ARRAY, PROG_ARRAY, PERF_EVENT_ARRAY, PERCPU_HASH, PERCPU_ARRAY, STACK_TRACE, LRU_HASH = 9, LPM_TRIE = 11, QUEUE = 22, STACK,
	RINGBUF = 27, BLOOM_FILTER = 30, USER_RINGBUF };

MAP(in_array, ARRAY, u32, KEYS, 0);
MAP(in_percpu_array, PERCPU_ARRAY, u32, KEYS, 0);
MAP(in_hash, HASH, u64, 2 * KEYS, 0);
MAP(in_percpu_hash, PERCPU_HASH, u64, 2 * KEYS, 0);
MAP(in_lru_hash, LRU_HASH, u64, 2 * KEYS, 0);
MAP(in_full_lru_hash, LRU_HASH, u64, KEYS, 0);
MAP(in_lpm_trie, LPM_TRIE, u64, 2 * KEYS, 1 /* BPF_F_NO_PREALLOC */);
MAP(in_few_array, ARRAY, u32, LOOPS, 0);
MAP(in_few_hash, HASH, u64, LOOPS, 0);

#define KEYLESS(name, kind, entries)             \
	struct {                                 \
		__uint(type, kind);              \
		__type(value, u64);              \
		__uint(max_entries, entries);    \
	} name SEC(".maps")

KEYLESS(in_queue, QUEUE, 64);
KEYLESS(in_stack, STACK, 64);
KEYLESS(in_filter, BLOOM_FILTER, KEYS);

#define RING(name, kind, size)              \
	struct {                            \
		__uint(type, kind);         \
		__uint(max_entries, size);  \
	} name SEC(".maps")

RING(ring, RINGBUF, 4 << 20);
RING(user_ring, USER_RINGBUF, 1 << 20);

struct {
	__uint(type, PERF_EVENT_ARRAY);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, 64);
} perf SEC(".maps");

struct {
	__uint(type, STACK_TRACE);
	__type(key, u32);
	__uint(value_size, 127 * 8);
	__uint(max_entries, 1024);
} stacks SEC(".maps");

int tail_step(struct pt_regs *ctx);

struct {
	__uint(type, PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, int(void *));
} next SEC(".maps") = { .values = { [0] = (void *)&tail_step } };

static void *(*const lookup)(void *map, const void *key) = (void *)1;
static long (*const update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const delete)(void *map, const void *key) = (void *)3;
static long (*const tail)(void *ctx, void *map, u32 index) = (void *)12;
static long (*const perf_event_output)(void *ctx, void *map, u64 flags, void *data, u64 size) = (void *)25;
static long (*const get_stackid)(void *ctx, void *map, u64 flags) = (void *)27;
static long (*const push)(void *map, const void *value, u64 flags) = (void *)87;
static long (*const pop)(void *map, void *value) = (void *)88;
static long (*const peek)(void *map, void *value) = (void *)89;
static long (*const ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static void *(*const ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*const ringbuf_submit)(void *data, u64 flags) = (void *)132;
static long (*const for_each)(void *map, void *f, void *arg, u64 flags) = (void *)164;
static long (*const loop)(u32 n, void *f, void *arg, u64 flags) = (void *)181;
static long (*const drain)(void *ring, void *f, void *arg, u64 flags) = (void *)209;

enum { NO_WAKEUP = 1, USER_STACK = 1 << 8 };
#define CURRENT_CPU 0xffffffffUL

/* A program: key and index go over the keys as its calls do, value is one; what a call leaves in bad must be 0. */
#define USE(name, call)                                                          \
	u64 failed_##name;                                                       \
	SEC("uprobe") int name(struct pt_regs *ctx)                              \
	{                                                                        \
		u64 first = ctx->r[12] * CALLS, sum = 0, bad = 0, key, value = 1; \
		u32 index;                                                       \
		_Pragma("unroll") for (int i = 0; i < CALLS; i++)                \
		{                                                                \
			index = key = (first + (u64)i) % KEYS;                   \
			__asm__ volatile("" : "+m"(key), "+m"(index), "+m"(value)); \
			call;                                                    \
		}                                                                \
		if (bad)                                                         \
			failed_##name++;                                         \
		return (int)sum & 1;                                             \
	}
#define FIND(map, key)                     \
	u64 *at = lookup(&map, &key);      \
	if (at)                            \
		sum += *(volatile u64 *)at; \
	else                               \
		bad = 1

USE(key, )
USE(array, FIND(in_array, index))
USE(array_update, bad |= (u64)update(&in_array, &index, &value, 0))
USE(percpu_array, FIND(in_percpu_array, index))
USE(hash, FIND(in_hash, key))
USE(hash_miss, key += KEYS; bad |= !!lookup(&in_hash, &key))
USE(hash_update, bad |= (u64)update(&in_hash, &key, &value, 0))
USE(hash_insert, key += KEYS; bad |= (u64)update(&in_hash, &key, &value, 1); bad |= (u64)delete (&in_hash, &key))
USE(percpu_hash, FIND(in_percpu_hash, key))
USE(percpu_hash_update, bad |= (u64)update(&in_percpu_hash, &key, &value, 0))
USE(lru_hash, FIND(in_lru_hash, key))
USE(lru_hash_update, bad |= (u64)update(&in_lru_hash, &key, &value, 0))
USE(lru_hash_evict, key = first + (u64)i; bad |= (u64)update(&in_full_lru_hash, &key, &value, 0))

/* 10.x.y.z: KEYS prefixes of 24 bits, asked for an address; and 10.128.0.0 and on, for which there is one of 8. */
#define ADDRESS(n, length) ((u64)__builtin_bswap32(10U << 24 | (u32)(n) << 8) << 32 | (length))
USE(lpm_trie, key = ADDRESS(key, 32); FIND(in_lpm_trie, key))
USE(lpm_trie_second, key = ADDRESS(key | 1 << 15, 32); FIND(in_lpm_trie, key))
USE(lpm_trie_update, key = ADDRESS(key, 24); bad |= (u64)update(&in_lpm_trie, &key, &value, 0))

USE(queue, bad |= (u64)push(&in_queue, &key, 0); bad |= (u64)pop(&in_queue, &value))
USE(stack, bad |= (u64)push(&in_stack, &key, 0); bad |= (u64)pop(&in_stack, &value))
USE(filter, bad |= (u64)peek(&in_filter, &key))
USE(stackid, bad |= (u64)(get_stackid(ctx, &stacks, USER_STACK) < 0))

USE(ring_output, char record[RECORD] = {}; *(u64 *)record = key; bad |= (u64)ringbuf_output(&ring, record, RECORD, NO_WAKEUP))
USE(ring_reserve, u64 *to = ringbuf_reserve(&ring, RECORD, 0); if (to) {
	for (int k = 0; k < RECORD / 8; k++)
		to[k] = key;
	ringbuf_submit(to, NO_WAKEUP);
} else bad = 1)
USE(perf_output, char record[RECORD] = {}; *(u64 *)record = key; bad |= (u64)perf_event_output(ctx, &perf, CURRENT_CPU, record, RECORD))

/* Goes on with one that goes on with itself: as often as may be, 33 times in all. */
u64 failed_tail_call;
SEC("uprobe") int tail_call(struct pt_regs *ctx)
{
	tail(ctx, &next, 0);
	failed_tail_call++;
	return 0;
}

SEC("uprobe") int tail_step(struct pt_regs *ctx)
{
	tail(ctx, &next, 0);
	return 0;
}

struct sum {
	u64 n, sum;
};

static long add(u32 i, struct sum *s)
{
	s->n++;
	s->sum += i;
	return 0;
}

static long add_element(void *map, const void *key, u64 *value, struct sum *s)
{
	s->n++;
	s->sum += *value;
	return 0;
}

/* Stops when it has had as many as one hit may take. That is in memory of which the kernel's verifier knows nothing, or it
 * would follow each turn. */
u64 records;
static long add_record(void *dynptr, struct sum *s)
{
	s->n++;
	return ++records % LOOPS == 0;
}

#define CALLED_BACK(name, call)                                      \
	u64 failed_##name;                                           \
	SEC("uprobe") int name(struct pt_regs *ctx)                  \
	{                                                            \
		struct sum s = { 0, ctx->r[12] };                    \
		if (call != LOOPS)                                   \
			failed_##name++;                             \
		return (int)s.sum & 1;                               \
	}
CALLED_BACK(loops, loop(LOOPS, add, &s, 0))
CALLED_BACK(each_array, for_each(&in_few_array, add_element, &s, 0))
CALLED_BACK(each_hash, for_each(&in_few_hash, add_element, &s, 0))
CALLED_BACK(user_ring_drain, drain(&user_ring, add_record, &s, NO_WAKEUP))

SEC("uprobe") int none(struct pt_regs *ctx) { return (int)ctx->r[12] & 1; }

char LICENSE[] SEC("license") = "GPL";
