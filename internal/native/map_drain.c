/* user_ringbuf: records of one who writes from outside (maps/ringbuf, Writer), for
 * programs. bpf_user_ringbuf_drain gives each to a function of the program, as a dynptr,
 * which as the kernel's may be written to as well.
 *
 *   PRODUCER   u64: bytes written since the ring was made; the writer's
 *   CONSUMER   u64: bytes read; theirs who drain
 *   a record   u32 length and flags, u32 0, data; 8-aligned, contiguous in our two mappings
 *
 * One run drains at a time, others get -EBUSY; whose run is over leaves the ring to the
 * next one. A record is taken when its function has returned, so one whose reader was
 * killed comes again. What the writer may have spoilt, positions and lengths, is compared
 * with the ring's size before anything is read by it.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map.h"

#define MOST_SAMPLES (128 * 1024) /* BPF_MAX_USER_RINGBUF_SAMPLES */
#define DRAINING (1ul << 63)
#define LENGTH(header) ((header) & ~(RING_BUSY | RING_DISCARD))

enum { NO_WAKEUP = 1, FORCE_WAKEUP = 2 };

/* The next record, if there is one that is whole: 1; 0: there is none, or an error. */
static HOT long peek(struct map_header *h, u64 at, u32 *header)
{
	u64 ready = load((u64 *)map_at(h, MAP_RING_PRODUCER)) - at;

	if (!ready)
		return 0;
	if (at & 7 || ready & 7 || ready > h->stride)
		return -EINVAL_;
	*header = load((u32 *)map_at(h, MAP_RING_OFF + (at & (h->stride - 1))));
	if (*header & RING_BUSY)
		return 0;
	return LENGTH(*header) > DYNPTR_MOST || RING_HEADER + (u64)LENGTH(*header) > ready ? -E2BIG_ : 1;
}

static HOT u64 drain(struct map_header *h, callback *f, u64 arg, u64 ctx)
{
	u64 *consumer = (u64 *)map_at(h, MAP_RING_CONSUMER), at = load(consumer), n = 0, stop = 0;
	u32 header;
	long there = 0;

	for (u32 i = 0; i < MOST_SAMPLES && !stop && (there = peek(h, at, &header)) > 0; i++) {
		struct dynptr p = {(u64)map_at(h, MAP_RING_OFF + (at & (h->stride - 1)) + RING_HEADER), LENGTH(header), 0};

		if (!(header & RING_DISCARD)) {
			stop = f((u64)&p, arg, 0, 0, 0, ctx);
			n++;
		}
		at += RING_HEADER + ((LENGTH(header) + 7ul) & ~7ul);
		store(consumer, at);
	}
	return there < 0 ? (u64)there : n;
}

/* r1: map, r2: function, r3: its second argument, r4: flags */
HOT u64 bpftime_user_ringbuf_drain(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u64 *owner = (u64 *)map_at(h, MAP_RING_DRAINED), had, r;

	if (h->type != TYPE_USER_RINGBUF || r4 & ~(u64)(NO_WAKEUP | FORCE_WAKEUP))
		return error(EINVAL_);
	had = load(owner);
	if ((had && !is_over((u32)had)) || !cas(owner, had, DRAINING | (u32)identity(ctx))) {
		map_count(&map_control(h)->busy);
		return error(EBUSY_);
	}
	r = drain(h, (callback *)r2, r3, ctx);
	store(owner, 0);
	return r;
}
