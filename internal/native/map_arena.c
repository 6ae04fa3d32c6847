/* Arenas: pages that programs take and give back (kfuncs, see abi.h).
 *
 * A page is free while its bit is set. Who takes pages clears their bits, word by word,
 * each by compare-and-swap, and gives back what he has when somebody took one of them
 * before; so a page never has two owners, and nobody waits. A page that is taken is made
 * zero then: what programs do with addresses may have written to it. Who is killed here
 * takes the pages along that he was taking or giving back, as does who is killed with
 * pages that nobody else knows of; there are no others to be lost.
 *
 * Programs address a page by its users' address; what their accesses do is in the code
 * of the program (vm/jit).
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "map.h"

#define MOST_TRIES 64 /* for one word, and for a place */
#define NOWHERE (~0ul)

INLINE u64 *bits_of(struct map_header *h) { return (u64 *)map_at(h, h->free); }

/* The bits of a word from that of page first on, n at most. */
INLINE u64 mask_of(u64 first, u64 n) { return (n < 64 ? (1ul << n) - 1 : ~0ul) << first % 64; }

INLINE u64 least(u64 a, u64 b) { return a < b ? a : b; }

/* How many of the n pages from first on are free, without a gap. */
static HOT u64 run_of_free(struct map_header *h, u64 first, u64 n)
{
	u64 *bits = bits_of(h), have = 0;

	while (have < n) {
		u64 at = first + have, taken = ~load(&bits[at / 64]) >> at % 64, most = 64 - at % 64;
		u64 here = taken ? least((u64)__builtin_ctzl(taken), most) : most;

		have += here;
		if (here < most)
			break;
	}
	return least(have, n);
}

/* The first free page from at on, or the number of pages. */
static HOT u64 next_free(struct map_header *h, u64 at)
{
	u64 *bits = bits_of(h), pages = h->nnodes;

	while (at < pages) {
		u64 word = load(&bits[at / 64]) >> at % 64;

		if (word)
			return least((u32)at + (u32)__builtin_ctzl(word), pages);
		at = (at | 63) + 1;
	}
	return pages;
}

static HOT void give_back(struct map_header *h, u64 first, u64 n)
{
	u64 *bits = bits_of(h);

	for (u64 at = first, end = first + n; at < end; at = (at | 63) + 1)
		__atomic_fetch_or(&bits[at / 64], mask_of(at, end - at), __ATOMIC_ACQ_REL);
}

static HOT int take_bits(u64 *word, u64 mask)
{
	for (u32 n = 0; n < MOST_TRIES; n++) {
		u64 old = load(word);

		if ((old & mask) != mask)
			return 0;
		if (cas(word, old, old & ~mask))
			return 1;
	}
	return 0;
}

/* All of the n pages from first on, or none. */
static HOT int take(struct map_header *h, u64 first, u64 n)
{
	u64 *bits = bits_of(h), end = first + n;

	for (u64 at = first; at < end; at = (at | 63) + 1) {
		if (!take_bits(&bits[at / 64], mask_of(at, end - at))) {
			give_back(h, first, at - first);
			return 0;
		}
	}
	return 1;
}

/* n pages anywhere: the first that there are, one behind the other. */
static HOT u64 take_anywhere(struct map_header *h, u64 n)
{
	u64 at = 0, have;
	u32 tries = 0;

	while ((at = next_free(h, at)) + n <= h->nnodes) {
		have = run_of_free(h, at, n);
		if (have < n) {
			at += have + 1;
			continue;
		}
		if (take(h, at, n))
			return at;
		if (++tries == MOST_TRIES) {
			map_count(&map_control(h)->busy);
			return NOWHERE;
		}
	}
	map_count(&map_control(h)->misses);
	return NOWHERE;
}

/* The page of an address, which may be none. */
INLINE u64 page_of(const struct map_header *h, u64 addr) { return (u32)(addr - h->start) / MAP_PAGE; }

static HOT u64 take_at(struct map_header *h, u64 addr, u64 n)
{
	u64 first = page_of(h, addr);

	if (addr % MAP_PAGE || first > h->nnodes - n || !take(h, first, n))
		return NOWHERE;
	return first;
}

static HOT void make_zero(struct map_header *h, u64 first, u64 n)
{
	u64 *at = (u64 *)map_at(h, h->data + first * MAP_PAGE), *end = at + n * (MAP_PAGE / 8);

	for (; at < end; at++)
		*at = 0;
}

/* r1 the map, r2 where, or 0: anywhere; r3 pages, r4 a NUMA node, r5 flags, of which
 * there are none. The address for users, or 0. */
HOT u64 bpftime_arena_alloc_pages(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u64 n = (u32)r3, first;

	(void)r4;
	(void)ctx;
	if (h->type != TYPE_ARENA || r5 || !n || n > h->nnodes)
		return 0;
	first = r2 ? take_at(h, r2, n) : take_anywhere(h, n);
	if (first == NOWHERE)
		return 0;
	make_zero(h, first, n);
	return h->start + first * MAP_PAGE;
}

/* r1 the map, r2 where, of which the low half counts, r3 pages, as many as there are. */
HOT u64 bpftime_arena_free_pages(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u64 first;

	(void)r4;
	(void)r5;
	(void)ctx;
	if (h->type != TYPE_ARENA || !r2)
		return 0;
	first = page_of(h, r2);
	if (first < h->nnodes)
		give_back(h, first, least((u32)r3, h->nnodes - first));
	return 0;
}

/* r1 the map, r2 where, r3 pages that nobody shall get. */
HOT u64 bpftime_arena_reserve_pages(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u64 n = (u32)r3, first;

	(void)r4;
	(void)r5;
	(void)ctx;
	if (h->type != TYPE_ARENA)
		return error(EINVAL_);
	first = page_of(h, r2);
	if (!n || r2 % MAP_PAGE)
		return 0;
	if (first + n > h->nnodes)
		return error(EINVAL_);
	return take(h, first, n) ? 0 : error(EBUSY_);
}
