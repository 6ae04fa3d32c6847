/* stack_trace: traces by their hash, each in the bucket of its hash, whose number is what
 * programs get. The kernel's (kernel/bpf/stackmap.c), without its allocation:
 *
 *   state   FULL | changes | nr | hash      the addresses lie behind it, or what is said
 *                                           of them: bpf_build_id.c
 *           WRITING | changes | run         somebody fills the bucket
 *           changes                         empty
 *
 * The state changes by compare-and-swap only, and changes count up with it, so that who
 * copies a bucket and finds its state unchanged has copied what it says. Who was killed
 * while it filled one leaves WRITING with the number of its run; when that run is over,
 * the next one takes the bucket.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "map.h"

#define FULL (1ul << STACK_FULL)
#define WRITING (1ul << STACK_WRITING)
#define CHANGES ((FULL - 1) & ~((1ul << STACK_CHANGES) - 1))

INLINE u64 changed(u64 state) { return (state + (1ul << STACK_CHANGES)) & CHANGES; }
INLINE u32 nr_of(u64 state) { return state >> STACK_NR & 0xff; }

static HOT u32 hash_of(const u64 *ips, u64 nr)
{
	u64 v = nr;

	for (u64 i = 0; i < nr; i++) {
		v = (v ^ ips[i]) * 0x9e3779b97f4a7c15u;
		v ^= v >> 29;
	}
	return (u32)(v >> 16);
}

/* The words of the entry of an address. */
INLINE u32 entry_of(const struct map_header *h, u64 ip, u64 entry[4])
{
	entry[0] = ip;
	if (bpftime_stack_words(h) > 1)
		bpftime_describe(ip, entry);
	return bpftime_stack_words(h);
}

static HOT int equal(const struct map_header *h, const u64 *a, const u64 *ips, u64 nr)
{
	u64 entry[4];

	for (u64 i = 0; i < nr; i++)
		for (u32 k = 0, n = entry_of(h, ips[i], entry); k < n; k++)
			if (load(a++) != entry[k])
				return 0;
	return 1;
}

static HOT u64 fill(const struct map_header *h, u64 *bucket, u64 state, u32 hash, const u64 *ips, u64 nr, u64 ctx)
{
	u64 mine = WRITING | changed(state) | identity(ctx), entry[4], *to = bucket + 1;

	if (!cas(bucket, state, mine))
		return error(EBUSY_);
	for (u64 i = 0; i < nr; i++)
		for (u32 k = 0, n = entry_of(h, ips[i], entry); k < n; k++)
			store(to++, entry[k]);
	store(bucket, FULL | changed(mine) | nr << STACK_NR | hash);
	return 0;
}

HOT u64 bpftime_stack_put(struct map_header *h, const u64 *ips, u64 nr, u64 flags, u64 ctx)
{
	u32 hash = hash_of(ips, nr), id = hash & h->bucket_mask;
	u64 *bucket = (u64 *)map_at(h, h->buckets + (u64)id * h->node_stride), state = load(bucket), r;
	int same = state & FULL && (u32)state == hash;

	if (same && (flags & FAST_STACK_CMP || (nr_of(state) == nr && equal(h, bucket + 1, ips, nr) && load(bucket) == state)))
		return id;
	if (state & FULL && !(flags & REUSE_STACKID))
		return error(EEXIST_);
	r = state & WRITING && !is_over((u32)state) ? error(EBUSY_) : fill(h, bucket, state, hash, ips, nr, ctx);
	if (r)
		map_count(&map_control(h)->busy);
	return r ? r : id;
}
