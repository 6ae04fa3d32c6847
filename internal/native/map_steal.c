/* The last free place of a hash, in the hand of somebody who is stopped.
 *
 * An insertion takes a free node before it knows that it will succeed: another one may
 * be faster with the same key, and then the node goes back. A map must not be full as
 * long as that is open. In the kernel it never is, where a lock holds the chain from the
 * search for the key to the insertion. Here the place is taken from who has it, not the
 * node, which its holder may be writing: a spare node becomes a free one, and the
 * holder's becomes a spare one.
 *
 * The holder's hand names its node and a turn, written behind its search of the chain
 * `bucket`. A thief
 *
 *   1  has a spare node in hand itself, as such
 *   2  looks whether the node is the holder's alone (map_lost.c), and changes the tag of
 *      the chain's head: an insertion that has not happened by now fails in this turn
 *   3  looks again: so it has not
 *   4  says in `theft` whose turn it takes
 *   5  changes the holder's hand, if that is as it was: STOLEN, by whom. That is the theft
 *   6  makes its own node a free one, then theft 0
 *
 * The holder does 6 for the thief, before it gives its node to the spare ones; and so
 * does who mends what either left. So behind a theft that succeeded the thief's node is
 * a free one by the time the hand does not say STOLEN any more, and each step may be
 * the last. The holder notices when its insertion fails, since before it tries again it
 * gives its hand a new turn by compare-and-swap. Before its node goes to a pool, or
 * replaces another, it is LOCKED the same way, and is not stolen any more.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map_hash.h"

#define MOST_TRIES 64 /* to find out what somebody does who is running */
#define THIEF(hand) ((hand) >> MAP_LINK_TAG & ((1ul << MAP_HAND_THIEF) - 1))
#define LOW_TAG_BITS (64 - MAP_LINK_TAG - MAP_HAND_THIEF)
#define LOW_TAG(tag) ((tag) & ((1ul << LOW_TAG_BITS) - 1))

enum { NOTHING, STOLE, UNKNOWN = 2 };

INLINE int is_stolen(u64 hand) { return (hand & KIND) == STOLEN; }

/* A new turn for what is in hand. 0: it was stolen. */
HOT int bpftime_hand_renew(struct map_record *mine)
{
	u64 hand = load(&mine->hand);

	mine->turn++;
	return !is_stolen(hand) && cas(&mine->hand, hand, hand + TAG);
}

INLINE u64 stolen_name(u64 hand, u32 thief)
{
	return NODE(hand) | STOLEN | (u64)thief << MAP_LINK_TAG | LOW_TAG((u64)tag_of(hand)) << (MAP_LINK_TAG + MAP_HAND_THIEF);
}

INLINE u64 stolen_tag(u64 hand) { return hand >> (MAP_LINK_TAG + MAP_HAND_THIEF); }

/* The tag of a name. Of that in a hand that was stolen there are the low bits; it is near
 * the node's. */
HOT u64 bpftime_tag_of_name(struct map_header *h, u64 name)
{
	u32 near;

	if (!is_stolen(name) || NODE(name) - 1 >= h->nnodes)
		return tag_of(name);
	near = tag_of(load(&map_node(h, NODE(name) - 1)->link));
	return near + (u32)((int)(((u32)stolen_tag(name) - near) << (32 - LOW_TAG_BITS)) >> (32 - LOW_TAG_BITS));
}

INLINE u64 theft_word(u32 lease, u64 tag) { return (lease + 1ul) | LOW_TAG(tag) << 32; }

/* 6: what the thief has in hand is a free node, if it is still about this theft; by a
 * later name than that of who tried to take it in vain. */
static HOT void finish_theft(struct map_record *thief, u64 theft)
{
	u64 hand = load(&thief->hand);

	if (load(&thief->theft) == theft && (hand & KIND) == MAP_HAND_SPARE)
		cas(&thief->hand, hand, (hand & ~MAP_HAND_SPARE) + TAG);
}

/* The thief of a stolen hand. Spoilt: it is who it is. */
static HOT void help_thief(struct map_header *h, u32 lease, u64 hand)
{
	if (THIEF(hand) < MAP_NRECORDS)
		finish_theft(map_record(h, (u32)THIEF(hand)), theft_word(lease, stolen_tag(hand)));
}

/* What is in hand, not to be stolen any more; its kind says where it goes. */
HOT u64 bpftime_hand_lock(struct map_header *h, struct map_record *mine)
{
	u64 hand = load(&mine->hand);

	if (!(hand & KIND) && cas(&mine->hand, hand, hand | MAP_HAND_LOCKED))
		return hand | MAP_HAND_LOCKED;
	hand = load(&mine->hand);
	if (is_stolen(hand))
		help_thief(h, lease_of(h, mine), hand);
	return hand;
}

/* A thief was killed: did the theft succeed? */
HOT void bpftime_hand_settle(struct map_header *h, struct map_record *mine)
{
	u64 theft = load(&mine->theft), from = (theft & 0xffffffff) - 1, hand;

	if (!theft)
		return;
	hand = from < MAP_NRECORDS ? load(&map_record(h, (u32)from)->hand) : 0;
	if (is_stolen(hand) && THIEF(hand) == lease_of(h, mine) && theft == theft_word((u32)from, stolen_tag(hand)))
		finish_theft(mine, theft);
	store(&mine->theft, 0);
}

static HOT enum whose whose_place(struct map_header *h, u32 from, u64 hand)
{
	enum whose whose = bpftime_whose(h, from, hand);

	return whose == OURS && bpftime_is_doubted(h, hand) ? UNSURE : whose;
}

static HOT int steal_from(struct map_header *h, struct map_record *mine, u32 from)
{
	struct map_record *r = map_record(h, from);
	u64 hand = load(&r->hand), *head, link, theft = theft_word(from, tag_of(hand));
	u32 bucket = __atomic_load_n(&r->bucket, __ATOMIC_ACQUIRE);
	enum whose whose;

	if ((hand & KIND) == MAP_HAND_LOCKED)
		return UNKNOWN;
	if (r == mine || !NODE(hand) || hand & KIND || NODE(hand) - 1 >= h->nnodes || bucket > h->bucket_mask)
		return NOTHING;
	whose = whose_place(h, from, hand);
	if (whose != OURS)
		return whose == NOT_OURS ? NOTHING : UNKNOWN;
	head = map_head(h, bucket);
	link = load(head);
	if (!cas(head, link, relinked(link, NODE(link))) || whose_place(h, from, hand) != OURS)
		return UNKNOWN;
	store(&mine->theft, theft);
	if (!cas(&r->hand, hand, stolen_name(hand, lease_of(h, mine)))) {
		store(&mine->theft, 0);
		return UNKNOWN;
	}
	finish_theft(mine, theft);
	store(&mine->theft, 0);
	return STOLE;
}

static HOT int steal_from_any(struct map_header *h, struct map_record *mine)
{
	u64 leases = load(&map_control(h)->leases);
	int unknown = NOTHING;

	for (u32 i = 0; i < leases && i < MAP_NRECORDS; i++) {
		int r = steal_from(h, mine, i);

		if (r == STOLE)
			return STOLE;
		unknown |= r;
	}
	return unknown;
}

enum { OPEN = 1, SHUT = 2 };

/* Or it has given it, or an entry has it. */
INLINE int holds(struct map_header *h, u32 lease, u64 name) { return name && bpftime_whose(h, lease, name) != NOT_OURS; }

/* A place that it took out of a chain; not if a spare node has taken that place. */
static HOT int holds_victim(struct map_header *h, u32 lease, struct map_record *r)
{
	u64 victim = load(&r->victim), spare = load(&r->spare);

	if (!holds(h, lease, victim) || NODE(victim) - 1 >= h->nnodes)
		return 0;
	return pool_of(load(&map_node(h, NODE(victim) - 1)->link)) == FREE && !(spare && bpftime_whose(h, lease, spare) == NOT_OURS);
}

/* Has anybody else a free node in hand, OPEN to theft or SHUT? Or one that it took out of
 * a chain, and has not given yet. turns: a sum of what they have in hand, and how often
 * they took something. Read before the hand: a turn is written before its hand, so what
 * is missed here changes the sum the next time. A theft is over, or changes it. */
static HOT int hands_of_others(struct map_header *h, struct map_record *mine, u64 *turns)
{
	u64 leases = load(&map_control(h)->leases);
	int seen = 0;

	*turns = leases;
	for (u32 i = 0; i < MAP_NRECORDS; i++) {
		struct map_record *r = map_record(h, i);
		u64 hand;

		if (i >= leases) /* and who has none */
			i = MAP_NRECORDS - 1, r = map_record(h, i);
		if (r == mine)
			continue;
		*turns += __atomic_load_n(&r->turn, __ATOMIC_ACQUIRE);
		hand = load(&r->hand);
		if (is_stolen(hand))
			help_thief(h, i, hand);
		*turns = mix(*turns ^ hand, GOLDEN);
		if (NODE(hand) && !(hand & KIND))
			seen |= OPEN;
		if ((hand & KIND) == MAP_HAND_LOCKED && holds(h, i, hand))
			seen |= SHUT;
		if (holds_victim(h, i, r))
			seen |= SHUT;
	}
	return seen;
}

/* A spare node comes into the hand, be it the one that we keep. */
static HOT int take_spare(struct map_header *h, struct map_record *mine)
{
	if (bpftime_pool_take_spare(h, mine))
		return 1;
	if (NODE(mine->spare) - 1 >= h->nnodes)
		return 0;
	mine->turn++;
	store(&mine->hand, mine->spare | MAP_HAND_SPARE);
	store(&mine->spare, 0);
	return 1;
}

/* One try: a free node, or somebody's place. NOTHING: there was a moment when all were
 * taken, for entries. */
static HOT int take_or_steal(struct map_header *h, struct map_record *mine)
{
	u64 before, behind;
	int seen = hands_of_others(h, mine, &before), r = seen & SHUT || bpftime_is_doubted(h, 0) ? UNKNOWN : NOTHING;

	if (seen & OPEN && !take_spare(h, mine))
		return UNKNOWN;
	if (seen & OPEN) {
		r |= steal_from_any(h, mine);
		if (r & STOLE)
			return STOLE;
		bpftime_pool_give_back(h, mine);
	}
	if (bpftime_pool_take(h, mine))
		return STOLE;
	hands_of_others(h, mine, &behind);
	return before == behind ? r : UNKNOWN;
}

HOT int bpftime_hand_steal(struct map_header *h, struct map_record *mine)
{
	for (u32 tries = 0; tries < MOST_TRIES; tries++) {
		int r = take_or_steal(h, mine);

		if (r != UNKNOWN)
			return r == STOLE;
		if (tries == 0) { /* somebody was killed then, perhaps */
			bpftime_pool_reclaim(h);
			bpftime_pool_sweep(h, mine);
		}
	}
	return -1;
}

/* From here on others look at our record, too. */
HOT void bpftime_hand_known(struct map_header *h, struct map_record *mine)
{
	u64 *leases = &map_control(h)->leases, most = lease_of(h, mine) + 1ul;

	for (u32 tries = 0; tries < MOST_TRIES; tries++) {
		u64 have = load(leases);

		if (have >= most || cas(leases, have, most)) {
			mine->turn = 1;
			return;
		}
	}
}
