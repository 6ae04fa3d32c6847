/* bpf_map_lookup_percpu_elem: what a CPU has of a value.
 *
 * There are no values of CPUs here, but of leases, in blocks (map_block.c), and more of
 * them than CPUs. So CPU c is given every ncpus-th block from c on, added up: who sums
 * over the CPUs has each block once. What is returned is a copy; the verifier refuses
 * who writes there.
 *
 * What is added to what is in the header. Bit i of lanes[w]: a number ends with byte i
 * of word w of the value, and no carry goes on from there. None: the word holds something
 * else, and the first that is not zero counts.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map_hash.h"

static u8 scratch[SESSION_NLEASES][MAP_SCRATCH] __attribute__((aligned(64)));
static u16 scratch_used[SESSION_NLEASES];

HOT u8 *bpftime_scratch(u32 lease, u32 n)
{
	u32 at = scratch_used[lease];

	n = (n + 7) & ~7u;
	if (n > MAP_SCRATCH - at)
		at = 0;
	scratch_used[lease] = (u16)(at + n);
	return scratch[lease] + at;
}

/* 0x80 in each byte with which a number ends. */
INLINE u64 ends_of(u8 lanes)
{
	return ((lanes * 0x0101010101010101ul & 0x8040201008040201ul) + 0x7f7f7f7f7f7f7f7ful) & 0x8080808080808080ul;
}

INLINE u64 add(u64 a, u64 b, u8 lanes)
{
	u64 ends = ends_of(lanes);

	if (!lanes)
		return a ? a : b;
	return ((a & ~ends) + (b & ~ends)) ^ ((a ^ b) & ends);
}

/* Adds one block's value to a sum. */
static HOT void add_value(const struct map_header *h, u8 *sum, u8 *value)
{
	for (u32 w = 0; w < h->value_stride / 8; w++) {
		u64 *from = (u64 *)value + w, *to = (u64 *)sum + w;

		*to = add(*to, __atomic_load_n(from, __ATOMIC_RELAXED), h->lanes[w < MAP_NLANES ? w : MAP_NLANES - 1]);
	}
}

/* The n-th values of a CPU's blocks. */
static HOT void fold(struct map_header *h, u32 cpu, u64 n, u8 *sum)
{
	zero(sum, h->value_stride);
	for (u64 b = cpu; b < h->nslots; b += h->ncpus)
		if (!h->control || load(&map_control(h)->owners[b]))
			add_value(h, sum, map_at(h, h->data) + b * h->stride + n * h->value_stride);
}

static HOT int same_key(const struct map_header *h, const u8 *have, const u8 *key)
{
	u64 n = h->key_size;

	for (; n > 8; n -= 8, have += 8, key += 8)
		if (load8(have) != load8(key))
			return 0;
	return load8(have) == load_tail(key, n);
}

/* The key's node, with its own link in *own; 0: there is none, or it is not known. */
static HOT struct map_node *find(struct map_header *h, const u8 *key, u32 lease, u64 *own)
{
	u64 *head = map_head(h, map_hash(h, key)), *at = head, link = load(at);

	for (u32 i = 0; i < BUDGET && NODE(link) < h->nnodes; i++) {
		struct map_node *node = map_node(h, NODE(link));
		int same;

		*own = load(&node->link);
		same = same_key(h, node->key, key);
		if (load(at) == link && !(*own & MARKS)) {
			if (same)
				return node;
			at = &node->link;
			link = *own;
			continue;
		}
		if (*own & MARKS)
			bpftime_hash_sweep(h, key, lease);
		at = head;
		link = load(at);
	}
	return 0;
}

/* An entry that is looked for is one that is used. */
static HOT void refer(struct map_header *h, struct map_node *node)
{
	u64 *ref = map_ref(h, node), uses = load(ref);

	if (is_lru(h) && uses < MOST_REF)
		store(ref, uses + 1);
}

static HOT u64 fold_node(struct map_header *h, const u8 *key, u32 cpu, u8 *sum, u32 lease)
{
	for (u32 i = 0; i < BUDGET; i++) {
		u64 own, first = (u64)map_at(h, h->nodes);
		struct map_node *node = find(h, key, lease, &own);

		if (!node)
			return 0;
		fold(h, cpu, ((u64)node - first) / h->node_stride, sum);
		if (load(&node->link) == own) { /* it was the key's all the while */
			refer(h, node);
			return (u64)sum;
		}
	}
	return 0;
}

/* void *bpf_map_lookup_percpu_elem(struct bpf_map *map, const void *key, u32 cpu) */
HOT u64 bpftime_map_lookup_percpu_elem(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u32 cpu = (u32)r3, lease = thread_of(ctx)->lease, index;
	u8 *sum;

	if (cpu >= h->ncpus || h->value_stride > MAP_SCRATCH)
		return 0;
	sum = bpftime_scratch(lease, h->value_stride);
	if (h->type != TYPE_PERCPU_ARRAY)
		return is_hashed(h) && h->nslots ? fold_node(h, (const u8 *)r2, cpu, sum, lease) : 0;
	__builtin_memcpy(&index, (const u8 *)r2, 4);
	if (index >= h->max_entries)
		return 0;
	fold(h, cpu, index, sum);
	return (u64)sum;
}
