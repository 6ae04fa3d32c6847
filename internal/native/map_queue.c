/* bpf_map_push_elem, _pop_elem and _peek_elem: queue, stack, bloom_filter. Results and
 * their order are those of kernel/bpf/queue_stack_maps.c and bloom_filter.c.
 *
 * A queue is a hash (map_hash.c) whose keys are positions, counted from 0 for ever:
 *
 *     popped                        pushed
 *       |  oldest | ... | newest      |
 *
 * An element is put in when key `pushed` is inserted, and leaves when key `popped` is
 * deleted; each is one compare-and-swap. Then the counter moves on, by whoever did it or
 * comes next: an element at `pushed` says that it lags, none at `popped`, below `pushed`,
 * the same. Position `pushed` is inserted only if it is still `pushed` behind the look at
 * its chain, and it is not deleted before `pushed` has moved on: so none comes twice.
 *
 * A stack is one chain of such a hash, in which all keys are 0: the newest element is
 * the first node, the oldest the last. So a stack that is full and has to let its oldest
 * element go is walked along; which is why it has few.
 *
 * All else is the hash's: nodes in hand, what killed processes left, who gets -EBUSY.
 *
 * A bloom_filter is bits, that are set and never cleared: `nnodes` for each value.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map_hash.h"

#define MOST_DROPPED 16 /* elements that one push lets go, when others are faster */

INLINE int is_queue(const struct map_header *h) { return h->type == TYPE_QUEUE; }
INLINE int is_queued(const struct map_header *h) { return h->type == TYPE_QUEUE || h->type == TYPE_STACK; }

/* ---- queues and stacks ---- */

static HOT u64 push(struct map_header *h, const u8 *value, u32 lease)
{
	return is_queue(h) ? bpftime_queue_push(h, value, lease) : bpftime_stack_push(h, value, lease);
}

static HOT void drop_oldest(struct map_header *h, u32 lease)
{
	if (is_queue(h))
		bpftime_queue_pop(h, 0, lease);
	else
		bpftime_stack_drop(h, lease);
}

static HOT u64 push_anyway(struct map_header *h, const u8 *value, u64 flags, u32 lease)
{
	u64 r = push(h, value, lease);

	for (u32 n = 0; r == error(E2BIG_) && flags == BPF_EXIST; n++) {
		if (n == MOST_DROPPED) {
			map_count(&map_control(h)->busy);
			return error(EBUSY_);
		}
		drop_oldest(h, lease);
		r = push(h, value, lease);
	}
	return r;
}

/* The kernel leaves zeros where there is no element. */
static HOT u64 or_zeros(const struct map_header *h, u8 *to, u64 r)
{
	if (r == error(ENOENT_))
		zero(to, h->value_size);
	return r;
}

/* ---- filters ---- */

INLINE u64 hash_of(const struct map_header *h, const u8 *value)
{
	u64 v = h->seed, n = h->value_size;

	for (; n > 8; n -= 8, value += 8)
		v = mix(v ^ load8(value), GOLDEN);
	return mix(v ^ load_tail(value, n), GOLDEN);
}

/* Bit i of a value: the word it is in, and which. */
INLINE u64 *bit_of(struct map_header *h, u64 hash, u32 i, u64 *mask)
{
	u64 n = mix(hash + i, GOLDEN) & h->bucket_mask;

	*mask = 1ul << n % 64;
	return (u64 *)map_at(h, h->data) + n / 64;
}

static HOT u64 set_bits(struct map_header *h, const u8 *value)
{
	u64 hash = hash_of(h, value), mask, *word;

	for (u32 i = 0; i < h->nnodes; i++) {
		word = bit_of(h, hash, i, &mask);
		if (!(load(word) & mask))
			__atomic_fetch_or(word, mask, __ATOMIC_ACQ_REL);
	}
	return 0;
}

static HOT u64 are_set(struct map_header *h, const u8 *value)
{
	u64 hash = hash_of(h, value), mask, *word;

	for (u32 i = 0; i < h->nnodes; i++) {
		word = bit_of(h, hash, i, &mask);
		if (!(load(word) & mask))
			return error(ENOENT_);
	}
	return 0;
}

/* ---- the helpers ---- */

HOT u64 bpftime_map_push_elem(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;

	if (unlikely(h->flags & BPF_F_RDONLY_PROG))
		return error(EPERM_);
	if (h->type == TYPE_BLOOM_FILTER)
		return r3 ? error(EINVAL_) : set_bits(h, (const u8 *)r2);
	if (!is_queued(h))
		return error(ENOTSUPP_);
	if (r3 & BPF_NOEXIST || r3 > BPF_EXIST)
		return error(EINVAL_);
	return push_anyway(h, (const u8 *)r2, r3, thread_of(ctx)->lease);
}

HOT u64 bpftime_map_pop_elem(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u32 lease = thread_of(ctx)->lease;
	u8 *to = (u8 *)r2;

	if (unlikely(h->flags & BPF_F_RDONLY_PROG))
		return error(EPERM_);
	if (!is_queued(h))
		return error(h->type == TYPE_BLOOM_FILTER ? EOPNOTSUPP_ : ENOTSUPP_);
	return or_zeros(h, to, is_queue(h) ? bpftime_queue_pop(h, to, lease) : bpftime_stack_pop(h, to, lease));
}

HOT u64 bpftime_map_peek_elem(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u32 lease = thread_of(ctx)->lease;
	u8 *to = (u8 *)r2;

	if (h->type == TYPE_BLOOM_FILTER)
		return are_set(h, to);
	if (!is_queued(h))
		return error(ENOTSUPP_);
	return or_zeros(h, to, is_queue(h) ? bpftime_queue_peek(h, to, lease) : bpftime_stack_peek(h, to, lease));
}
