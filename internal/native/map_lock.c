/* Updates of values in which there is a bpf_spin_lock (copy_map_value and
 * copy_map_value_locked of the kernel). The lock is no part of what is written: that of
 * an array's value stays as it is, that of a new entry is free.
 *
 * With BPF_F_LOCK a value that is there is written in its place, by who holds its lock.
 * So who is killed meanwhile leaves half of it, as with any lock (bpf_spin.c). Without
 * it an entry of a hash is replaced, as always.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map.h"

#define TRIES 64

/* All but the lock. */
static HOT void copy_beside(const struct map_header *h, u8 *to, const u8 *value)
{
	u64 at = h->lock - 1, behind = at + sizeof(u32);

	copy_out(to, value, at);
	copy_out(to + behind, value + behind, h->value_size - behind);
}

static HOT u64 write_locked(const struct map_header *h, u8 *to, const u8 *value, u64 ctx)
{
	u64 lock = (u64)to + h->lock - 1;

	bpftime_spin_lock(lock, 0, 0, 0, 0, ctx);
	copy_beside(h, to, value);
	bpftime_spin_unlock(lock, 0, 0, 0, 0, ctx);
	return 0;
}

/* The value for a new entry. */
static HOT const u8 *unlocked(const struct map_header *h, const u8 *value, u32 lease)
{
	u8 *to = bpftime_scratch(lease, h->value_size);

	copy_beside(h, to, value);
	zero(to + h->lock - 1, sizeof(u32));
	return to;
}

static HOT u64 update_array(struct map_header *h, const u8 *key, const u8 *value, u64 flags, u64 ctx)
{
	u32 index;
	u8 *to;

	__builtin_memcpy(&index, key, 4);
	if (index >= h->max_entries)
		return error(E2BIG_);
	if (flags & BPF_NOEXIST)
		return error(EEXIST_);
	to = map_at(h, MAP_DATA_OFF) + (u64)index * h->value_stride;
	if (flags & BPF_F_LOCK)
		return write_locked(h, to, value, ctx);
	copy_beside(h, to, value);
	return 0;
}

/* In place, or as a new entry that nobody else made meanwhile. */
static HOT u64 update_locked(struct map_header *h, const u8 *key, const u8 *value, u64 flags, u64 ctx)
{
	u32 lease = thread_of(ctx)->lease;
	const u8 *new = unlocked(h, value, lease);

	for (u32 i = 0; i < TRIES; i++) {
		u8 *to = (u8 *)bpftime_hash_lookup(h, key, lease);
		u64 r;

		if (to)
			return flags == BPF_NOEXIST ? error(EEXIST_) : write_locked(h, to, value, ctx);
		if (flags == BPF_EXIST)
			return error(ENOENT_);
		r = bpftime_hash_update(h, key, new, BPF_NOEXIST, lease);
		if (r != error(EEXIST_))
			return r;
	}
	map_count(&map_control(h)->busy);
	return error(EBUSY_);
}

HOT u64 bpftime_update_beside_lock(struct map_header *h, const u8 *key, const u8 *value, u64 flags, u64 ctx)
{
	u64 exists = flags & ~(u64)BPF_F_LOCK;
	u32 lease = thread_of(ctx)->lease;

	if (exists > BPF_EXIST)
		return error(EINVAL_);
	if (h->type == TYPE_ARRAY)
		return update_array(h, key, value, flags, ctx);
	if (flags & BPF_F_LOCK)
		return update_locked(h, key, value, exists, ctx);
	return bpftime_hash_update(h, key, unlocked(h, value, lease), flags, lease);
}
