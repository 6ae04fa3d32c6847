/* bpf_map_lookup_elem, _update_elem and _delete_elem: by type, and the types without
 * structure. Results are the kernel's (kernel/bpf/arraymap.c), also their order. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map.h"

INLINE u32 index_of(const u8 *key)
{
	u32 v;

	__builtin_memcpy(&v, key, 4);
	return v;
}

/* The value of an index that is in range, for the lease; 0: it has no place. */
INLINE u8 *element(struct map_header *h, u32 index, u32 lease)
{
	u8 *block = h->type == TYPE_ARRAY ? map_at(h, MAP_DATA_OFF) : map_block(h, lease);

	return block ? block + (u64)index * h->value_stride : 0;
}

HOT u64 bpftime_map_lookup_elem(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u32 type = h->type, lease = thread_of(ctx)->lease;

	if (is_hashed(h))
		return bpftime_hash_lookup(h, (const u8 *)r2, lease);
	if (type == TYPE_ARRAY_OF_MAPS)
		return index_of((const u8 *)r2) < h->max_entries ? bpftime_map_referred(h, (u64 *)map_at(h, h->data) + index_of((const u8 *)r2)) : 0;
	if (type == TYPE_HASH_OF_MAPS)
		return bpftime_map_referred(h, (const u64 *)bpftime_hash_lookup(h, (const u8 *)r2, lease));
	if (type == TYPE_LPM_TRIE)
		return bpftime_lpm_lookup(h, (const u8 *)r2, lease);
	if ((type != TYPE_ARRAY && type != TYPE_PERCPU_ARRAY) || index_of((const u8 *)r2) >= h->max_entries)
		return 0;
	return (u64)element(h, index_of((const u8 *)r2), lease);
}

static HOT u64 update_array(struct map_header *h, u32 index, const u8 *value, u64 flags, u32 lease)
{
	u8 *to;

	if ((flags & ~(u64)BPF_F_LOCK) > BPF_EXIST)
		return error(EINVAL_);
	if (index >= h->max_entries)
		return error(E2BIG_);
	if (flags & BPF_NOEXIST)
		return error(EEXIST_);
	if (flags & BPF_F_LOCK)
		return error(EINVAL_);
	to = element(h, index, lease);
	if (!to)
		return error(EBUSY_);
	copy_in(to, value, h->value_size);
	return 0;
}

HOT u64 bpftime_map_update_elem(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u32 type = h->type, lease = thread_of(ctx)->lease;

	if (unlikely(h->flags & BPF_F_RDONLY_PROG))
		return error(EPERM_);
	if (unlikely(h->lock))
		return bpftime_update_beside_lock(h, (const u8 *)r2, (const u8 *)r3, r4, ctx);
	if (is_hashed(h))
		return bpftime_hash_update(h, (const u8 *)r2, (const u8 *)r3, r4, lease);
	if (type == TYPE_LPM_TRIE)
		return bpftime_lpm_update(h, (const u8 *)r2, (const u8 *)r3, r4, lease);
	if (type == TYPE_ARRAY || type == TYPE_PERCPU_ARRAY)
		return update_array(h, index_of((const u8 *)r2), (const u8 *)r3, r4, lease);
	return error(ENOTSUPP_);
}

HOT u64 bpftime_map_delete_elem(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u32 type = h->type;

	if (unlikely(h->flags & BPF_F_RDONLY_PROG))
		return error(EPERM_);
	if (is_hashed(h))
		return bpftime_hash_delete(h, (const u8 *)r2, thread_of(ctx)->lease);
	if (type == TYPE_LPM_TRIE)
		return bpftime_lpm_delete(h, (const u8 *)r2, thread_of(ctx)->lease);
	return error(type == TYPE_ARRAY || type == TYPE_PERCPU_ARRAY ? EINVAL_ : ENOTSUPP_);
}
