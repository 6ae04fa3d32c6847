/* The table of return addresses of tactic (d), and the rare ways of shadow.S: the
 * first place for a key is taken, a frame was left without a return, a body jumped
 * to another probed function.
 *
 * An entry is taken by cmpxchg of its key and given back by a store of 0. The first
 * entry with key X, in the order of the search, is that of the frame that lives at
 * X: who takes an entry for X takes the first that is free or has X already, and
 * while the frame lives, nobody else has its X. Later ones with the same key are
 * those of frames that were left; they are used again when their turn comes.
 *
 * Nothing is ever thrown out: that an entry lies below the stack pointer does not
 * mean that its frame is dead (coroutines, alternate stacks), and memory it names
 * may be gone. A table that is full counts misses.
 *
 * When a body jumps to another function whose return is probed as well, the return
 * address that one finds at X is our own. The host's stays in the entry X; the new
 * site gets an entry of its own, X + 1, and the next one X + 2. On the way back the
 * last one goes first, and returns to our return point.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "native.h"

struct bpftime_shadow bpftime_shadow[SHADOW_MASK + 1 + SHADOW_PROBES] HIDDEN __attribute__((aligned(64)));
u32 bpftime_shadow_off;

extern const char bpftime_return_d_behind[] HIDDEN;
HIDDEN int bpftime_shadow_enter(u64 x, u64 *words);
HIDDEN struct bpftime_shadow *bpftime_shadow_leave(u64 x);
HIDDEN u64 bpftime_shadow_ra(u64 x);

static inline struct bpftime_shadow *first_place(u64 key)
{
	u64 at = (key >> SHADOW_SHIFT) + (key >> SHADOW_BLOCK_SHIFT) * SHADOW_SPREAD;

	return &bpftime_shadow[at & SHADOW_MASK];
}

static inline struct bpftime_shadow *find(u64 key)
{
	struct bpftime_shadow *e = first_place(key);

	for (int i = 0; i < SHADOW_PROBES; i++)
		if (e[i].key == key)
			return &e[i];
	return 0;
}

static inline struct bpftime_shadow *take(u64 key)
{
	struct bpftime_shadow *e = first_place(key);

	for (int i = 0; i < SHADOW_PROBES; i++) {
		u64 had = __atomic_load_n(&e[i].key, __ATOMIC_RELAXED);

		if (had == key || (!had && __atomic_compare_exchange_n(&e[i].key, &had, key, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)))
			return &e[i];
	}
	return 0;
}

static inline int keep(u64 key, u64 ra, u64 site)
{
	struct bpftime_shadow *e = take(key);

	if (!e)
		return 0;
	e->ra = ra;
	e->site = site;
	e->depth = 0;
	return 1;
}

/* Another site at the same X. A function that jumps to its own start returns once. */
static inline int keep_above(u64 x, u64 ra, u64 site, int *again)
{
	struct bpftime_shadow *e = find(x), *last = e && e->depth ? find(x + e->depth) : e;

	if (!last)
		return 0;
	*again = last->site == site;
	if (*again || e->depth == SHADOW_DEEPEST || !keep(x + e->depth + 1, ra, site))
		return 0;
	e->depth++;
	return 1;
}

/* words: the body and the return address, which lies at x. 0: run the body without
 * us; that is counted. */
HOT int bpftime_shadow_enter(u64 x, u64 *words)
{
	u64 site = words[0];
	int again = 0, kept = 0;

	if (words[1] == (u64)bpftime_return_d_behind)
		kept = keep_above(x, words[1], site, &again);
	else if (!bpftime_shadow_off)
		kept = keep(x, words[1], site);
	words[0] = site & -2ul;
	if (!kept && !again)
		bpftime_missed(*(struct bpftime_run **)(words[0] + BODY_RUNS));
	return kept;
}

/* For a walk up the stack (bpf_stack.c): the host's return address that belongs at x. */
HOT u64 bpftime_shadow_ra(u64 x)
{
	const struct bpftime_shadow *e = find(x);

	return e ? e->ra : 0;
}

/* The entry of the site that has returned. There is none when a stack was copied
 * behind our back: nobody knows where to go on. */
HOT struct bpftime_shadow *bpftime_shadow_leave(u64 x)
{
	struct bpftime_shadow *e = find(x), *last = e;

	if (e && e->depth) {
		last = find(x + e->depth);
		e->depth--;
	}
	if (!last)
		__builtin_trap();
	return last;
}
