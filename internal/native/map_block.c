/* Blocks of values for leases: per-CPU arrays and hashes.
 *
 * A lease writes in its own block only, with plain stores, and readers fold all
 * blocks; so a block keeps what is in it when it goes from one lease to another.
 * There are nslots blocks. When that is one for each lease, in an array, a lease's
 * block is the one of its number, and there is no control page. Else
 *
 *   owners[block] = lease + 1   the truth: 0 only before the block's first lease
 *   table[lease] = block + 1    where the lease looks; 0: it has to be found out
 *
 * Whoever writes table[lease] holds the lease. owners[block] changes from 0 by
 * compare-and-swap, and from lease + 1 by the holder of that lease alone. So
 *
 *   table[lease] = block + 1 implies owners[block] = lease + 1         (*)
 *
 * after every instruction: table is set after owners, and cleared before it. Two
 * leases never have the same block, and a block whose holder was killed in between
 * is found by the next holder of the lease, which searches owners first.
 *
 * When all blocks have a lease, one is taken from a lease that nobody holds: by
 * holding that lease for the moment, in the name of this process, so that it is
 * free again when the process is killed meanwhile.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map.h"

#define NONE 0xffffffffu

/* The block that the lease owns already, or one that nobody ever had. */
static HOT u32 own_block(struct map_header *h, struct map_control *c, u32 lease)
{
	for (u32 n = 0; n < h->nslots; n++)
		if (load(&c->owners[n]) == lease + 1)
			return n;
	for (u32 n = 0; n < h->nslots; n++)
		if (!load(&c->owners[n]) && cas(&c->owners[n], 0, (u16)(lease + 1)))
			return n;
	return NONE;
}

/* Moves a block over; from is a lease that we hold. */
static HOT int move_block(struct map_control *c, u32 n, u32 from, u32 to)
{
	if (load(&c->owners[n]) != from + 1)
		return 0;
	store(&c->table[from], 0);
	store(&c->owners[n], (u16)(to + 1));
	return 1;
}

static HOT u32 take_block(struct map_header *h, struct map_control *c, u32 lease)
{
	struct session_lease *leases = bpftime_resident.session->leases;
	u64 proc = load(&bpftime_private.proc);

	for (u32 n = 0; proc && n < h->nslots; n++) {
		u32 from = load(&c->owners[n]) - 1u;
		int moved;

		if (from >= SESSION_NLEASES || load(&leases[from].owner) || !cas(&leases[from].owner, 0, proc))
			continue;
		moved = move_block(c, n, from, lease);
		store(&leases[from].owner, 0);
		if (moved)
			return n;
	}
	return NONE;
}

HOT u32 bpftime_map_assign(struct map_header *h, u32 lease)
{
	struct map_control *c = map_control(h);
	u32 n = own_block(h, c, lease);

	if (n == NONE)
		n = take_block(h, c, lease);
	if (n == NONE)
		map_count(&c->misses);
	else
		store(&c->table[lease], (u16)(n + 1));
	return n;
}
