/* A flight recorder: a ringbuf with BPF_F_RB_OVERWRITE. New records take the place of the
 * oldest, nobody consumes them, and they can be read at any time, also when all
 * processes are dead (maps/ringbuf, Recorder).
 *
 * The ring is cut into chunks. A run that writes a record has a chunk for itself: it
 * takes the one its lease wrote to last, or when that is full, the next one in the order
 * of the ring, whose records are the oldest. A chunk has one word of state:
 *
 *   WRITING | taken | filled | run        a record is being written behind the others
 *             taken | filled | run        at rest; the lease of that run may go on here
 *
 * It changes by compare-and-swap, from rest to WRITING; who has it WRITING stores the
 * next one. Up to `filled` no byte changes while `taken` does not. So who copies a chunk
 * and finds `taken` unchanged has whole records; who is stopped in the middle of one
 * keeps his chunk, which others go around; and who was killed loses the record he was
 * writing. His chunk is taken when its turn comes and his lease was taken back.
 *
 * A record gets its number when it is submitted, so the numbers tell the order, and how
 * many are gone.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map.h"

#define WRITING (1ul << RECORDER_WRITING)
#define TAKEN (0x7ffful << RECORDER_TAKEN)

INLINE u64 chunk_size(const struct map_header *h)
{
	u64 size = h->stride / RECORDER_CHUNKS;

	return size < RECORDER_LARGEST ? size : RECORDER_LARGEST;
}

INLINE u64 *chunk_at(struct map_header *h, u64 n) { return (u64 *)(map_at(h, MAP_RING_OFF) + n * chunk_size(h)); }
INLINE u64 filled(u64 state) { return (state >> RECORDER_FILLED & 0xffff) * 8; }
INLINE u32 lease_of(u64 state) { return state >> RING_HDR_LEASE & (SESSION_NLEASES - 1); }
INLINE u64 room_for(u64 size) { return RECORDER_RECORD + ((size + 7) & ~7ul); }

/* In the chunk that the lease wrote to last, if the record fits: where. What is compared
 * with the chunk's size is what was swapped, since others may spoil the state meanwhile. */
static HOT u64 take_again(struct map_header *h, u64 room, u64 me)
{
	u32 lease = lease_of(me), n = load(&map_control(h)->table[lease]) - 1u;
	u64 *chunk, state;

	if (n >= h->stride / chunk_size(h))
		return 0;
	chunk = chunk_at(h, n);
	state = load(chunk);
	if (state & WRITING || lease_of(state) != lease || filled(state) + room > chunk_size(h) - RECORDER_HEAD)
		return 0;
	return cas(chunk, state, WRITING | (state & ~(u64)0xffffffff) | me) ? (u64)chunk + RECORDER_HEAD + filled(state) : 0;
}

static HOT u64 take_next(struct map_header *h, u64 me)
{
	u64 *next = (u64 *)map_at(h, h->control + MAP_CTL_NEXT), nchunks = h->stride / chunk_size(h);

	for (u64 tries = 0; tries < nchunks; tries++) {
		u64 n = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED) % nchunks, *chunk = chunk_at(h, n), state = load(chunk);

		if (state & WRITING && !is_over((u32)state))
			continue;
		if (!cas(chunk, state, WRITING | ((state + (1ul << RECORDER_TAKEN)) & TAKEN) | me))
			continue;
		store(&map_control(h)->table[lease_of(me)], (u16)(n + 1));
		return (u64)chunk + RECORDER_HEAD;
	}
	return 0;
}

/* A sample, or 0. */
HOT u64 bpftime_recorder_reserve(struct map_header *h, u64 size, u64 ctx)
{
	u64 me = identity(ctx) & 0xffffffff, record;

	if (size >= chunk_size(h) || room_for(size) > chunk_size(h) - RECORDER_HEAD) {
		map_count(&map_control(h)->misses);
		return 0;
	}
	record = take_again(h, room_for(size), me);
	if (!record)
		record = take_next(h, me);
	if (!record) {
		map_count(&map_control(h)->busy);
		return 0;
	}
	store((u32 *)(record + RECORDER_LEN), (u32)size);
	return record + RECORDER_RECORD;
}

/* What others may have spoilt, the length and how far the chunk is filled, is bounded by
 * the chunk. */
HOT void bpftime_recorder_end(struct map_header *h, u64 sample, int keep, u64 ctx)
{
	u64 base = (u64)map_at(h, MAP_RING_OFF), size = chunk_size(h), record = sample - RECORDER_RECORD;
	u64 *chunk = (u64 *)(base + ((record - base) & ~(size - 1))), state = load(chunk), end = filled(state);

	if (!(state & WRITING) || (u32)state != (u32)identity(ctx))
		return;
	if (keep) {
		store((u64 *)(record + RECORDER_SEQ), __atomic_add_fetch((u64 *)map_at(h, h->control + MAP_CTL_SEQ), 1, __ATOMIC_RELAXED));
		end += room_for(load((u32 *)(record + RECORDER_LEN)));
		end = end < size - RECORDER_HEAD ? end : size - RECORDER_HEAD;
	}
	store(chunk, (state & TAKEN) | end / 8 << RECORDER_FILLED | (u32)state);
}
