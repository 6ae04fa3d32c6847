/* ringbuf: records of many producers, for one consumer.
 *
 * Producers share one word: the end of the last record, its length and the lease that
 * reserved it. A record is reserved by one compare-and-swap of this word, so nobody
 * waits for a producer that was killed or stopped. Then its header is written:
 *
 *   len | WRITTEN | BUSY    and the lease, the link and the run it belongs to
 *
 * and again without BUSY, or with DISCARD, when it is submitted or discarded. Space
 * that belongs to no record holds, in each word, the lap of its position and nothing
 * else; the consumer leaves it so. So everybody can see whether a header is written.
 *
 * Killed between reserving and the header, a producer leaves a record without one;
 * but its length is in the word. Whoever reserves next writes that header first, by
 * compare-and-swap from the empty word of that very lap, hence
 *
 *   every record but the last one has its header                          (*)
 *
 * after every instruction. Its own producer, if it lives, writes the header all the
 * same: with the same length.
 *
 * A record stays BUSY when its run has ended without submitting it: the process was
 * killed, or a signal handler left by longjmp. The consumer can tell by lease, link
 * and run (maps/ringbuf), and passes over it; never by the time that went by, since
 * who is only stopped will go on to write.
 *
 * A consumer that finds nothing may sleep: it sets SLEEPER and waits on that word. Who
 * submits a record, sees it set and changes it, makes the one system call that wakes;
 * while the consumer is awake nobody makes any, and nothing is paid but a load of a line
 * that was read for the consumer's position. The load may be done before the record is
 * seen by others, and then nobody wakes: a consumer never sleeps longer than it would
 * have polled. BPF_RB_NO_WAKEUP leaves it asleep; BPF_RB_FORCE_WAKEUP is the default
 * here, since who is awake needs no waking.
 *
 * The applier maps the records twice, one behind the other, so each is contiguous.
 * Positions are in words of 8 bytes here, modulo 2^RING_POS_BITS.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map.h"

#define POS_MASK ((1ul << RING_POS_BITS) - 1)
#define LEN_MASK ((1ul << RING_LEN_BITS) - 1)
#define TRIES 1024

enum { NO_WAKEUP = 1, FORCE_WAKEUP = 2 };                                  /* BPF_RB_* of submit */
enum { AVAIL_DATA, RING_SIZE, CONS_POS, PROD_POS };                        /* BPF_RB_* of query */

INLINE u64 *producer(struct map_header *h) { return (u64 *)map_at(h, MAP_RING_PRODUCER); }
INLINE u64 consumed(struct map_header *h) { return load((u64 *)map_at(h, MAP_RING_CONSUMER)); }

INLINE u64 words_of(const struct map_header *h) { return h->stride / 8; }

/* stride is a power of two, and no more than the mapping has. */
INLINE u64 *word_at(struct map_header *h, u64 pos)
{
	return (u64 *)map_at(h, MAP_RING_OFF) + (pos & (words_of(h) - 1));
}

/* What a word of a position holds when no record does. */
INLINE u64 empty(struct map_header *h, u64 pos) { return (pos >> __builtin_ctzl(words_of(h))) << 32; }

/* Words in use between the consumer's position and the end of the last record. A
 * spoilt position makes the ring full. */
INLINE u64 used(struct map_header *h, u64 last) { return ((last & POS_MASK) - consumed(h) / 8) & POS_MASK; }

/* (*) for the record that is the last one until now. */
static HOT void help(struct map_header *h, u64 last)
{
	u64 len = last >> RING_LEN_SHIFT & LEN_MASK, pos = ((last & POS_MASK) - len) & POS_MASK, *word = word_at(h, pos);
	u64 id = last >> RING_LEASE_SHIFT & (SESSION_NLEASES - 1);

	if (len && load(word) == empty(h, pos))
		cas(word, empty(h, pos), id << (32 + RING_HDR_LEASE) | RING_BUSY | RING_WRITTEN | RING_HELPED | ((len - 1) * 8));
}

INLINE int fits(u64 size) { return size <= (LEN_MASK - 1) * 8; }

/* A record of len words. */
HOT u64 *bpftime_ring_reserve(struct map_header *h, u64 size, u64 ctx)
{
	struct map_control *c = map_control(h);
	u64 len = (size + 7) / 8 + 1, lease = thread_of(ctx)->lease;

	if (!fits(size))
		return 0;
	for (u32 tries = 0; tries < TRIES; tries++) {
		u64 last = load(producer(h)), pos = last & POS_MASK, *word = word_at(h, pos);

		if (used(h, last) + len > words_of(h)) {
			map_count(&c->misses);
			return 0;
		}
		help(h, last);
		if (!cas(producer(h), last, ((pos + len) & POS_MASK) | len << RING_LEN_SHIFT | lease << RING_LEASE_SHIFT))
			continue;
		store(word, identity(ctx) << 32 | RING_BUSY | RING_WRITTEN | size);
		return word;
	}
	map_count(&c->busy);
	return 0;
}

/* ---- rings by the addresses of their records ---- */

#define MOST_RINGS 64

static struct {
	u64 lo, hi;
	struct map_header *h;
} rings[MOST_RINGS];
static u32 nrings;

void bpftime_ring_add(struct map_header *h)
{
	u64 lo = (u64)map_at(h, MAP_RING_OFF);

	if (!is_ring(h) || nrings == MOST_RINGS)
		return;
	rings[nrings].lo = lo;
	rings[nrings].hi = lo + 2 * h->stride;
	rings[nrings].h = h;
	store(&nrings, nrings + 1);
}

/* Nobody has records of it any more; others may be looked for meanwhile. */
void bpftime_ring_remove(struct map_header *h)
{
	for (u32 i = 0; i < nrings; i++)
		if (rings[i].h == h)
			store(&rings[i].hi, 0);
}

INLINE struct map_header *ring_of(u64 sample)
{
	u32 n = load(&nrings);

	for (u32 i = 0; i < n; i++)
		if (sample >= rings[i].lo && sample < load(&rings[i].hi))
			return rings[i].h;
	return 0;
}

/* ---- records end ---- */

#define FUTEX 202
#define FUTEX_WAKE 1

static HOT void wake(u32 *sleeper)
{
	if (cas(sleeper, 1, 0))
		bpftime_syscall(FUTEX, (u64)sleeper, FUTEX_WAKE, 1, 0, 0);
}

INLINE void end_record(struct map_header *h, u64 sample, u32 flag, u64 flags)
{
	u32 *header = (u32 *)(sample - RING_HEADER), *sleeper;

	store(header, (*header & ~RING_BUSY) | flag);
	if (!h || flags & NO_WAKEUP)
		return;
	sleeper = (u32 *)map_at(h, MAP_RING_SLEEPER);
	if (unlikely(load(sleeper) == 1))
		wake(sleeper);
}

HOT void bpftime_ring_submit(struct map_header *h, u64 *record, u64 flags) { end_record(h, (u64)(record + 1), 0, flags); }

INLINE u64 end(u64 sample, u64 flags, int keep, u64 ctx)
{
	struct map_header *h = ring_of(sample);

	if (h && is_recorder(h))
		bpftime_recorder_end(h, sample, keep, ctx);
	else
		end_record(h, sample, keep ? 0 : RING_DISCARD, flags);
	return 0;
}

/* A sample of the ring; 0: there is no room, or the map is no ring: nothing before us has
 * looked at its type. A recorder's has to be found again. */
static HOT u64 reserve(struct map_header *h, u64 size, u64 ctx)
{
	u64 *record;

	if (unlikely(h->type != TYPE_RINGBUF))
		return 0;
	if (is_recorder(h))
		return ring_of((u64)map_at(h, MAP_RING_OFF)) ? bpftime_recorder_reserve(h, size, ctx) : 0;
	record = bpftime_ring_reserve(h, size, ctx);
	return record ? (u64)(record + 1) : 0;
}

/* r1: map, r2: size, r3: flags */
HOT u64 bpftime_ringbuf_reserve(BPF_ARGS) { return r3 ? 0 : reserve((struct map_header *)r1, r2, ctx); }

/* r1: sample, r2: flags */
HOT u64 bpftime_ringbuf_submit(BPF_ARGS) { return end(r1, r2, 1, ctx); }
HOT u64 bpftime_ringbuf_discard(BPF_ARGS) { return end(r1, r2, 0, ctx); }

/* r1: map, r2: data, r3: size, r4: flags */
HOT u64 bpftime_ringbuf_output(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u64 sample;

	if (r4 & ~(u64)(NO_WAKEUP | FORCE_WAKEUP))
		return error(EINVAL_);
	sample = reserve(h, r3, ctx);
	if (!sample)
		return error(EAGAIN_);
	if (r3)
		copy_in((u8 *)sample, (const u8 *)r2, r3);
	if (is_recorder(h))
		bpftime_recorder_end(h, sample, 1, ctx);
	else
		end_record(h, sample, 0, r4);
	return 0;
}

/* r1: map, r2: what. A recorder has no positions. */
HOT u64 bpftime_ringbuf_query(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u64 avail;

	if (h->type != TYPE_RINGBUF)
		return error(EINVAL_);
	avail = is_recorder(h) ? 0 : used(h, load(producer(h))) * 8;
	if (r2 == AVAIL_DATA)
		return avail;
	if (r2 == RING_SIZE)
		return h->stride;
	if (r2 == CONS_POS)
		return consumed(h);
	return r2 == PROD_POS ? consumed(h) + avail : 0;
}
