/* Is a header one that programs may use? Asked once, by the applier, of a header that
 * nobody can change any more: then no operation leaves the file, whatever the rest of
 * it holds. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "map.h"

#define MOST_KEY 512
#define MOST_PREFIX (4 + 256)

/* Are there n things of each bytes from offset on, behind the header? */
static HOT int inside(const struct map_header *h, u64 offset, u64 n, u64 each)
{
	return offset >= MAP_DATA_OFF && offset % 8 == 0 && offset <= h->size && each && n && n <= (h->size - offset) / each;
}

INLINE u64 padded(u64 n) { return (n + 7) & ~7ul; }

static HOT int has_control(const struct map_header *h) { return inside(h, h->control, 1, MAP_CTL_SIZE); }

static HOT int has_blocks(const struct map_header *h, u64 values)
{
	return h->nslots && h->nslots <= SESSION_NLEASES && h->stride % 8 == 0 && values <= h->stride / h->value_stride &&
	       inside(h, h->data, h->nslots, h->stride);
}

static HOT int is_array(const struct map_header *h)
{
	if (h->key_size != 4 || h->data != MAP_DATA_OFF || !has_blocks(h, h->max_entries))
		return 0;
	if (h->type == TYPE_PROG_ARRAY || h->type == TYPE_ARRAY_OF_MAPS)
		return h->nslots == 1 && has_control(h);
	if (h->type == TYPE_ARRAY || h->control)
		return h->type == TYPE_ARRAY || has_control(h);
	return h->nslots == SESSION_NLEASES;
}

static HOT int has_key(const struct map_header *h)
{
	return h->key_size && h->key_size <= MOST_KEY && (h->type != TYPE_LPM_TRIE || (h->key_size > 4 && h->key_size <= MOST_PREFIX));
}

/* The least that a node takes. */
static HOT u64 node_size(const struct map_header *h)
{
	return h->value_at + (h->nslots ? 0ul : h->value_stride) + (is_lru(h) ? 8ul : 0ul);
}

static HOT int is_hash(const struct map_header *h)
{
	u64 key = padded(h->key_size), words = ((u64)h->nnodes + MAP_POOL_NODES - 1) / MAP_POOL_NODES;
	int per_cpu = h->type == TYPE_PERCPU_HASH || h->type == TYPE_LRU_PERCPU_HASH;

	if (!has_key(h) || h->bucket_mask & (h->bucket_mask + 1ul) || h->value_at != 8 + (h->type == TYPE_LPM_TRIE ? 2 * key : key))
		return 0;
	if (h->node_stride % 8 || h->node_stride < node_size(h) || h->nnodes >= 1u << 31 || per_cpu != !!h->nslots)
		return 0;
	if (!has_control(h) || !inside(h, h->records, MAP_NRECORDS, MAP_REC_SIZE) || !inside(h, h->buckets, h->bucket_mask + 1ul, 8))
		return 0;
	return inside(h, h->free, 2 * words + MAP_NLIMBO, 8) && inside(h, h->nodes, h->nnodes, h->node_stride) &&
	       (!per_cpu || has_blocks(h, h->nnodes));
}

static HOT int is_good_ring(const struct map_header *h)
{
	return (h->type == TYPE_PERF_EVENT_ARRAY || h->stride == h->max_entries) && h->stride >= 4096 && !(h->stride & (h->stride - 1)) && h->stride < 1ul << 31 && h->control == MAP_DATA_OFF &&
	       h->data == MAP_RING_OFF && h->size == MAP_RING_OFF + h->stride;
}

static HOT int is_stacks(const struct map_header *h)
{
	return h->key_size == 4 && h->value_size % (8 * bpftime_stack_words(h)) == 0 && h->value_size <= STACK_MOST * 8 * bpftime_stack_words(h) && h->node_stride == 8 + h->value_size &&
	       !(h->bucket_mask & (h->bucket_mask + 1ul)) && has_control(h) && inside(h, h->buckets, h->bucket_mask + 1ul, h->node_stride);
}

/* Not a map of programs; it is mapped as one. Its path ends in the header. */
static HOT int is_unwind(const struct map_header *h)
{
	const char *path = (const char *)h + UNWIND_PATH;

	return h->data == MAP_DATA_OFF && inside(h, h->data, h->max_entries, UNWIND_ROW) && path[0] && !path[UNWIND_PATH_MAX - 1];
}

static HOT int is_filter(const struct map_header *h)
{
	u64 bits = h->bucket_mask + 1ul;

	return !(bits & (bits - 1)) && bits >= 64 && h->nnodes && h->nnodes <= 15 && inside(h, h->data, bits / 64, 8);
}

static HOT int is_good_lock(const struct map_header *h)
{
	u64 at = h->lock - 1ul;

	if (!h->lock)
		return 1;
	return (h->type == TYPE_ARRAY || h->type == TYPE_HASH) && at % 4 == 0 && at + 4 <= h->value_size &&
	       (h->type == TYPE_ARRAY || h->value_size <= MAP_SCRATCH);
}

static HOT int is_arena(const struct map_header *h)
{
	return !h->key_size && !h->value_size && h->nnodes && h->nnodes == h->max_entries && h->start % MAP_PAGE == 0 &&
	       h->data == MAP_DATA_OFF && inside(h, h->data, h->nnodes, MAP_PAGE) && has_control(h) && inside(h, h->free, ((u64)h->nnodes + 63) / 64, 8);
}

HOT long bpftime_map_check(const struct map_header *h, u64 size)
{
	int ok = h->magic == MAP_MAGIC && h->version == MAP_VERSION && h->size == size;

	if (ok && h->type == UNWIND_TYPE)
		return is_unwind(h) ? 0 : -(long)EINVAL_;
	if (ok && is_ring(h))
		ok = is_good_ring(h);
	else if (h->type == TYPE_ARENA)
		return ok && is_arena(h) ? 0 : -(long)EINVAL_;
	else
		ok = ok && h->value_size && h->value_stride && h->value_stride == padded(h->value_size);
	if (h->type == TYPE_ARRAY || h->type == TYPE_PERCPU_ARRAY || h->type == TYPE_PROG_ARRAY || h->type == TYPE_ARRAY_OF_MAPS)
		ok = ok && is_array(h);
	else if (is_hashed(h) || h->type == TYPE_LPM_TRIE || h->type == TYPE_HASH_OF_MAPS)
		ok = ok && is_hash(h);
	else if (h->type == TYPE_TASK_STORAGE)
		ok = ok && is_hash(h) && h->key_size == MAP_TASK_KEY && h->value_size <= MAP_SCRATCH;
	else if (h->type == TYPE_STACK_TRACE)
		ok = ok && is_stacks(h);
	else if (h->type == TYPE_QUEUE || h->type == TYPE_STACK)
		ok = ok && is_hash(h) && h->key_size == 8;
	else if (h->type == TYPE_BLOOM_FILTER)
		ok = ok && is_filter(h);
	else if (!is_ring(h))
		ok = 0;
	return ok && is_good_lock(h) ? 0 : -(long)EINVAL_;
}
