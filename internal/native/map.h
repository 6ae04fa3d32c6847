/* Maps as programs use them. A map is the address of its file's mapping: the header
 * (abi.h MAP_HDR_*), which the applier has checked once with bpftime_map_check and
 * which nobody can change in this process, then what all processes of the session
 * share and anybody may have spoilt. So sizes and offsets come from the header only;
 * an index that comes from the rest is compared with the header's before it is used.
 *
 * maps/doc.go tells the layouts; map_hash.c, map_block.c and map_ringbuf.c why they
 * are right at every instruction.
 */
#ifndef BPFTIME_MAP_H
#define BPFTIME_MAP_H

#include "bpf.h"

/* Nothing of the hot path may land in another section. */
#define INLINE static inline __attribute__((always_inline))

enum {
	TYPE_HASH = 1,
	TYPE_ARRAY = 2,
	TYPE_PROG_ARRAY = 3,
	TYPE_PERF_EVENT_ARRAY = 4,
	TYPE_PERCPU_HASH = 5,
	TYPE_PERCPU_ARRAY = 6,
	TYPE_STACK_TRACE = 7,
	TYPE_LRU_HASH = 9,
	TYPE_LRU_PERCPU_HASH = 10,
	TYPE_LPM_TRIE = 11,
	TYPE_ARRAY_OF_MAPS = 12,
	TYPE_HASH_OF_MAPS = 13,
	TYPE_QUEUE = 22,
	TYPE_STACK = 23,
	TYPE_RINGBUF = 27,
	TYPE_TASK_STORAGE = 29,
	TYPE_USER_RINGBUF = 31,
	TYPE_BLOOM_FILTER = 30,
	TYPE_ARENA = 33
};
enum { BPF_ANY, BPF_NOEXIST, BPF_EXIST };

#define BPF_F_LOCK 4u
#define BPF_F_RDONLY_PROG 128u

/* A table of the programs that a process has, in the code of a plan: the slot of id is the
 * one of its low bits, or one behind it. Some slot is empty. */
struct program_table {
	u64 mask; /* slots - 1 */
	struct {
		u64 id; /* as entries of maps have it; 0: an empty slot */
		u64 code;
	} slots[];
};

/* What a program's stub of helper 12 calls: r1, the array, the index, a program_table.
 * The code to jump to, or 0. */
HIDDEN u64 bpftime_tail_call(BPF_ARGS);

/* map_queue.c: 87 to 89 */
HIDDEN u64 bpftime_map_push_elem(BPF_ARGS);
HIDDEN u64 bpftime_map_pop_elem(BPF_ARGS);
HIDDEN u64 bpftime_map_peek_elem(BPF_ARGS);

/* map_refer.c. For the applier: the process has the map of this file at base, or no more:
 * 0. False: there are too many. */
HIDDEN int bpftime_map_known(const char *path, u64 base);
/* The map that an entry of outer names; 0: none. */
HIDDEN u64 bpftime_map_referred(struct map_header *outer, const u64 *entry);

/* map_each.c: 164 */
HIDDEN u64 bpftime_for_each_map_elem(BPF_ARGS);

/* bpf_storage.c: 156, 157 */
HIDDEN u64 bpftime_task_storage_get(BPF_ARGS);
HIDDEN u64 bpftime_task_storage_delete(BPF_ARGS);

/* map_lock.c: an update of a map whose values have a lock. */
HIDDEN u64 bpftime_update_beside_lock(struct map_header *h, const u8 *key, const u8 *value, u64 flags, u64 ctx);

/* map_percpu.c: 195 */
HIDDEN u64 bpftime_map_lookup_percpu_elem(BPF_ARGS);

/* n bytes, at most MAP_SCRATCH, for the lease: its until as many more were asked for. */
HIDDEN u8 *bpftime_scratch(u32 lease, u32 n);

/* For the table of helpers: 1, 2, 3, 130 to 134. */
HIDDEN u64 bpftime_map_lookup_elem(BPF_ARGS);
HIDDEN u64 bpftime_map_update_elem(BPF_ARGS);
HIDDEN u64 bpftime_map_delete_elem(BPF_ARGS);
HIDDEN u64 bpftime_ringbuf_output(BPF_ARGS);
HIDDEN u64 bpftime_ringbuf_reserve(BPF_ARGS);
HIDDEN u64 bpftime_ringbuf_submit(BPF_ARGS);
HIDDEN u64 bpftime_ringbuf_discard(BPF_ARGS);
HIDDEN u64 bpftime_ringbuf_query(BPF_ARGS);

/* A record of a ring for size bytes, reserved, with its header; 0: there is no room, or too
 * many others were faster. */
HIDDEN u64 *bpftime_ring_reserve(struct map_header *h, u64 size, u64 ctx);
HIDDEN void bpftime_ring_submit(struct map_header *h, u64 *record, u64 flags);

/* For the applier: rings that it has mapped, so that a record is known by its address. */
HIDDEN void bpftime_ring_add(struct map_header *h);
HIDDEN void bpftime_ring_remove(struct map_header *h);

/* map_recorder.c: records of rings that overwrite their oldest. */
HIDDEN u64 bpftime_recorder_reserve(struct map_header *h, u64 size, u64 ctx);
HIDDEN void bpftime_recorder_end(struct map_header *h, u64 sample, int keep, u64 ctx);

INLINE int is_recorder(const struct map_header *h) { return h->type == TYPE_RINGBUF && h->flags & RING_OVERWRITE; }

INLINE int is_ring(const struct map_header *h) { return h->type == TYPE_RINGBUF || h->type == TYPE_PERF_EVENT_ARRAY || h->type == TYPE_USER_RINGBUF; }

/* map_stack.c: the number of a trace of nr addresses, new or there already, or an error.
 * flags are BPF_F_FAST_STACK_CMP and BPF_F_REUSE_STACKID. */
HIDDEN u64 bpftime_stack_put(struct map_header *h, const u64 *ips, u64 nr, u64 flags, u64 ctx);
enum { FAST_STACK_CMP = 1 << 9, REUSE_STACKID = 1 << 10 };

/* map_arena.c: kfuncs */
HIDDEN u64 bpftime_arena_alloc_pages(BPF_ARGS);
HIDDEN u64 bpftime_arena_free_pages(BPF_ARGS);
HIDDEN u64 bpftime_arena_reserve_pages(BPF_ARGS);

/* Words of an entry of a trace. */
INLINE u32 bpftime_stack_words(const struct map_header *h) { return h->flags & BPF_F_STACK_BUILD_ID ? BUILD_ID_SIZE / 8 : 1; }

/* bpf_build_id.c: the module at an address, 0: there is none that plans know; and what is
 * said of an address where build-ids are asked for. */
HIDDEN const struct bpftime_module *bpftime_module_of(u64 addr);
HIDDEN void bpftime_describe(u64 ip, u64 entry[4]);

/* map_drain.c: 209 */
HIDDEN u64 bpftime_user_ringbuf_drain(BPF_ARGS);

/* A bpf_dynptr: see bpf_dynptr.c. */
struct dynptr {
	u64 data;
	u32 size, offset;
};
#define DYNPTR_MOST 0xffffff

/* bpf_dynptr.c: 197 to 203 */
HIDDEN u64 bpftime_dynptr_from_mem(BPF_ARGS);
HIDDEN u64 bpftime_ringbuf_reserve_dynptr(BPF_ARGS);
HIDDEN u64 bpftime_ringbuf_submit_dynptr(BPF_ARGS);
HIDDEN u64 bpftime_ringbuf_discard_dynptr(BPF_ARGS);
HIDDEN u64 bpftime_dynptr_read(BPF_ARGS);
HIDDEN u64 bpftime_dynptr_write(BPF_ARGS);
HIDDEN u64 bpftime_dynptr_data(BPF_ARGS);

/* bpf_perf.c: 25 */
HIDDEN u64 bpftime_perf_event_output(BPF_ARGS);

/* For the applier: may programs use this file of size bytes? Else -EINVAL. */
HIDDEN long bpftime_map_check(const struct map_header *h, u64 size);

/* ---- memory that others change ---- */

#define unlikely(c) __builtin_expect(!!(c), 0)
#define load(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define cas(p, old, new) __atomic_compare_exchange_n(p, &(__typeof__(*(p))){old}, new, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

/* Nothing is moved over it; the processor keeps the order of stores by itself. */
INLINE void barrier(void) { __asm__ volatile("" ::: "memory"); }

INLINE u8 *map_at(struct map_header *h, u64 offset) { return (u8 *)h + offset; }
INLINE struct map_control *map_control(struct map_header *h) { return (struct map_control *)map_at(h, h->control); }

INLINE void map_count(u64 *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

/* ---- bytes ---- */

INLINE u64 load8(const u8 *p)
{
	u64 v;

	__builtin_memcpy(&v, p, 8);
	return v;
}

INLINE void store8(u8 *p, u64 v) { __builtin_memcpy(p, &v, 8); }

/* The 1 to 8 bytes at p, then zeros. */
INLINE u64 load_tail(const u8 *p, u64 n)
{
	u32 lo, hi;
	u16 first, last;

	if (likely(n == 8))
		return load8(p);
	if (n >= 4) {
		__builtin_memcpy(&lo, p, 4);
		__builtin_memcpy(&hi, p + n - 4, 4);
		return lo | (u64)hi << 8 * (n - 4);
	}
	if (n == 1)
		return *p;
	__builtin_memcpy(&first, p, 2);
	__builtin_memcpy(&last, p + n - 2, 2);
	return first | (u64)last << 8 * (n - 2);
}

/* To 8-aligned memory of a map, whole words; what follows the n bytes there is zero. */
INLINE void copy_in(u8 *to, const u8 *from, u64 n)
{
	if (likely(n == 8)) {
		store8(to, load8(from));
		return;
	}
	for (; n > 8; n -= 8, to += 8, from += 8)
		store8(to, load8(from));
	store8(to, load_tail(from, n));
}

/* To memory of any alignment, and not a byte more. */
INLINE void copy_out(u8 *to, const u8 *from, u64 n)
{
	for (; n >= 8; n -= 8, to += 8, from += 8)
		store8(to, load8(from));
	while (n--)
		*(volatile u8 *)to++ = *from++;
}

/* Which run this is: lease, link and the link's hits under the lease, in 32 bits. */
INLINE u64 identity(u64 ctx)
{
	struct bpftime_thread *t = thread_of(ctx);
	u32 at = run_of(ctx)->counter;

	return (u64)(t->lease & (SESSION_NLEASES - 1)) << RING_HDR_LEASE | (u64)(at / 8 & (SESSION_NLINKS - 1)) << RING_HDR_LINK |
	       (*(u64 *)(t->counters + at) & 0x7fff) << RING_HDR_RUN;
}

/* Is that run over? Then what it was writing is nobody's. Nobody can tell of a process
 * that was killed, before its leases are taken back. */
INLINE int is_over(u32 id)
{
	struct session *s = bpftime_resident.session;
	u32 lease = id >> RING_HDR_LEASE & (SESSION_NLEASES - 1), link = id >> RING_HDR_LINK & (SESSION_NLINKS - 1);

	return !load(&s->leases[lease].owner) || (load(&s->counters[lease][link]) & 0x7fff) != id >> RING_HDR_RUN;
}

/* ---- blocks of values, one for a lease (map_block.c) ---- */

HIDDEN u32 bpftime_map_assign(struct map_header *h, u32 lease);

/* The block of a lease; 0: there is none left. */
INLINE u8 *map_block(struct map_header *h, u32 lease)
{
	u32 n = lease;

	if (h->control) {
		n = load(&map_control(h)->table[lease]) - 1u;
		if (unlikely(n >= h->nslots))
			n = bpftime_map_assign(h, lease);
		if (unlikely(n >= h->nslots))
			return 0;
	}
	return map_at(h, h->data) + n * h->stride;
}

/* ---- hashes (map_hash.c, map_lru.c), and tries (map_lpm.c), which are hashes ---- */

INLINE int is_lru(const struct map_header *h) { return h->type == TYPE_LRU_HASH || h->type == TYPE_LRU_PERCPU_HASH; }
INLINE int is_hashed(const struct map_header *h)
{
	return h->type == TYPE_HASH || h->type == TYPE_PERCPU_HASH || is_lru(h);
}

HIDDEN u64 bpftime_hash_lookup(struct map_header *h, const u8 *key, u32 lease);
HIDDEN u64 bpftime_hash_update(struct map_header *h, const u8 *key, const u8 *value, u64 flags, u32 lease);
HIDDEN u64 bpftime_hash_delete(struct map_header *h, const u8 *key, u32 lease);
/* At the end of map_hash.c, for map_queue.c. */
HIDDEN u64 bpftime_queue_push(struct map_header *h, const u8 *value, u32 lease);
HIDDEN u64 bpftime_queue_pop(struct map_header *h, u8 *to, u32 lease);
HIDDEN u64 bpftime_queue_peek(struct map_header *h, u8 *to, u32 lease);
HIDDEN u64 bpftime_stack_push(struct map_header *h, const u8 *value, u32 lease);
HIDDEN u64 bpftime_stack_pop(struct map_header *h, u8 *to, u32 lease);
HIDDEN u64 bpftime_stack_peek(struct map_header *h, u8 *to, u32 lease);
HIDDEN u64 bpftime_stack_drop(struct map_header *h, u32 lease); /* the oldest */
HIDDEN u64 bpftime_lpm_lookup(struct map_header *h, const u8 *key, u32 lease);
HIDDEN u64 bpftime_lpm_update(struct map_header *h, const u8 *key, const u8 *value, u64 flags, u32 lease);
HIDDEN u64 bpftime_lpm_delete(struct map_header *h, const u8 *key, u32 lease);

#endif
