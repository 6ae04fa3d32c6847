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
 *   2  changes the tag of the chain's head: an insertion that has not happened by now
 *      fails in this turn
 *   3  looks whether the node is the holder's alone (map_lost.c), so it has not
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
#define LOW_TURN(turn) ((turn) & ((1ul << (64 - MAP_HAND_TURN - MAP_HAND_THIEF)) - 1))

enum { NOTHING, STOLE, UNKNOWN = 2 };

/* A new turn for what is in hand. 0: it was stolen. */
HOT int bpftime_hand_renew(struct map_record *mine)
{
	u64 hand = load(&mine->hand), same = hand & ((1ul << MAP_HAND_TURN) - 1);

	return (hand & STOLEN) != STOLEN && cas(&mine->hand, hand, same | (u64)++mine->turn << MAP_HAND_TURN);
}

INLINE u64 theft_word(u32 lease, u64 turn) { return (lease + 1ul) | LOW_TURN(turn) << 32; }

/* 6: what the thief has in hand is a free node, if it is still about this theft. */
static HOT void finish_theft(struct map_record *thief, u64 theft)
{
	u64 hand = load(&thief->hand);

	if (load(&thief->theft) == theft && (hand & STOLEN) == MAP_HAND_SPARE)
		cas(&thief->hand, hand, hand & ~MAP_HAND_SPARE);
}

/* The thief of a stolen hand. Spoilt: it is who it is. */
static HOT void help_thief(struct map_header *h, u32 lease, u64 hand)
{
	u64 thief = hand >> MAP_HAND_TURN & ((1ul << MAP_HAND_THIEF) - 1);

	if (thief < MAP_NRECORDS)
		finish_theft(map_record(h, (u32)thief), theft_word(lease, hand >> (MAP_HAND_TURN + MAP_HAND_THIEF)));
}

/* What is in hand, not to be stolen any more; its kind says where it goes. */
HOT u64 bpftime_hand_lock(struct map_header *h, struct map_record *mine)
{
	u64 hand = load(&mine->hand);

	if (!(hand & STOLEN) && cas(&mine->hand, hand, hand | MAP_HAND_LOCKED))
		return hand | MAP_HAND_LOCKED;
	hand = load(&mine->hand);
	if ((hand & STOLEN) == STOLEN)
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
	if ((hand & STOLEN) == STOLEN && (hand >> MAP_HAND_TURN & ((1ul << MAP_HAND_THIEF) - 1)) == lease_of(h, mine) &&
	    theft == theft_word((u32)from, hand >> (MAP_HAND_TURN + MAP_HAND_THIEF)))
		finish_theft(mine, theft);
	store(&mine->theft, 0);
}

/* Is the node somebody's spare one? It is if that one is not in the middle of anything. */
static HOT int is_kept(struct map_header *h, u32 n)
{
	u64 *word = &map_pool(h, SPARES)[n / 64], leases = load(&map_control(h)->leases);

	for (u32 i = 0; i < leases && i < MAP_NRECORDS; i++) {
		struct map_record *r = map_record(h, i);

		if (load(&r->spare) == n + 1ul && !load(&r->victim) && load(&r->spare) == n + 1ul)
			return 1;
	}
	return load(word) >> n % 64 & 1;
}

static HOT int steal_from(struct map_header *h, struct map_record *mine, u32 from)
{
	struct map_record *r = map_record(h, from);
	u64 hand = load(&r->hand), turn = hand >> MAP_HAND_TURN, *head, link;
	u32 n = NODE(hand) - 1, bucket = __atomic_load_n(&r->bucket, __ATOMIC_ACQUIRE);

	if (r == mine || !NODE(hand) || hand & STOLEN || n >= h->nnodes || bucket > h->bucket_mask)
		return NOTHING;
	head = map_head(h, bucket);
	link = load(head);
	if (!cas(head, link, relinked(link, NODE(link))))
		return UNKNOWN;
	if (bpftime_is_linked(h, n))
		return NOTHING;
	if (!bpftime_is_ours(h, from, n + 1ul))
		return is_kept(h, n) ? NOTHING : UNKNOWN;
	store(&mine->theft, theft_word(from, turn));
	if (!cas(&r->hand, hand, (n + 1ul) | STOLEN | (u64)lease_of(h, mine) << MAP_HAND_TURN | LOW_TURN(turn) << (MAP_HAND_TURN + MAP_HAND_THIEF))) {
		store(&mine->theft, 0);
		return UNKNOWN;
	}
	finish_theft(mine, theft_word(from, turn));
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

/* Has anybody else a free node in hand, OPEN to theft or SHUT? turns: a sum that changes
 * when one of them takes a node into the hand. Read before the hand: a turn is written
 * before its hand, so what is missed here changes the sum the next time. */
static HOT int hands_of_others(struct map_header *h, struct map_record *mine, u64 *turns)
{
	u64 leases = load(&map_control(h)->leases);
	int seen = 0;

	*turns = leases;
	for (u32 i = 0; i < leases && i < MAP_NRECORDS; i++) {
		struct map_record *r = map_record(h, i);
		u64 hand;

		if (r == mine)
			continue;
		*turns += __atomic_load_n(&r->turn, __ATOMIC_ACQUIRE);
		hand = load(&r->hand);
		if (NODE(hand) && !(hand & MAP_HAND_SPARE))
			seen |= hand & MAP_HAND_LOCKED ? SHUT : OPEN;
	}
	return seen;
}

/* A spare node comes into the hand, be it the one that we keep. */
static HOT int take_spare(struct map_header *h, struct map_record *mine)
{
	if (bpftime_pool_take_spare(h, mine))
		return 1;
	if (mine->spare - 1 >= h->nnodes)
		return 0;
	map_hold(mine, MAP_HAND_SPARE, mine->spare - 1);
	store(&mine->spare, 0);
	return 1;
}

/* One try: a free node, or somebody's place. NOTHING: there was a moment when all were
 * taken, for entries. */
static HOT int take_or_steal(struct map_header *h, struct map_record *mine)
{
	u64 before, behind;
	int seen = hands_of_others(h, mine, &before), r = seen & SHUT ? UNKNOWN : NOTHING;

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
		if (tries == 0) /* somebody was killed then, perhaps */
			bpftime_pool_reclaim(h);
	}
	return -1;
}

/* From here on others look at our record, too. */
HOT void bpftime_hand_known(struct map_header *h, struct map_record *mine)
{
	u64 *leases = &map_control(h)->leases, most = lease_of(h, mine) + 1ul;

	for (u32 tries = 0; tries < MOST_TRIES; tries++) {
		u64 have = load(leases);

		if (have >= most || cas(leases, have, most))
			return;
	}
}
