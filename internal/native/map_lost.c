/* Nodes of a hash that are in no chain: those in the pools, and those that a killed
 * process had in hand. Whose are they?
 *
 * A lease's record names them (map_hash.c). Who holds the lease, and no operation of
 * its own runs, asks for each: is it in a chain, in a pool, or named by the record of
 * another lease? If not, nobody but this record knows it, and it goes where it
 * belongs. All others run on meanwhile. Their nodes move only like this:
 *
 *     chain ──▶ victim or hand ──▶ pool or spare ──▶ hand ──▶ (filled) ──▶ chain
 *
 * Each is looked at in this order, the records before the pools, and both twice: a
 * node that was taken from a pool behind our back is in a hand at the second look, or
 * has been filled. Filling changes the node's tag, which is compared at the end; so does
 * giving back what was in a hand, since that may not have been filled.
 *
 * When in doubt a node is taken to be somebody's. Two leases that were both killed
 * over one node: the one that is asked last finds it.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map_hash.h"

#define RECLAIM_EVERY 64 /* failures of a lease to get a node */
#define MOST_STEPS 4096
#define MOST_TRIES 16

/* Walks a chain, marked nodes too. The sum of all its links; *there: n is in it. */
static HOT u64 trail(struct map_header *h, u64 *at, u32 n, int *there)
{
	u64 sum = 0;

	u32 most = h->type == TYPE_STACK ? h->nnodes + 1 : MOST_STEPS; /* a stack is one chain */

	for (u32 steps = 0; steps < most; steps++) {
		u64 link = load(at);

		sum = mix(sum ^ link, GOLDEN) + steps;
		if (NODE(link) >= h->nnodes)
			return sum;
		if (NODE(link) == n)
			*there = 1;
		at = &map_node(h, NODE(link))->link;
	}
	return sum;
}

/* Twice the same links: so they all were there at once, in between. */
HOT int bpftime_is_linked(struct map_header *h, u32 n)
{
	u64 *head = map_head(h, map_hash(h, map_node(h, n)->key));

	for (u32 tries = 0; tries < MOST_TRIES; tries++) {
		int there = 0;
		u64 sum = trail(h, head, n, &there);

		if (there)
			return 1;
		if (trail(h, head, n, &there) == sum)
			return there;
	}
	return 1;
}

static HOT int is_named(struct map_header *h, u32 n, u32 not_by)
{
	for (u32 i = 0; i < MAP_NRECORDS; i++) {
		struct map_record *r = map_record(h, i);

		if (i != not_by && (load(&r->victim) == n + 1ul || NODE(load(&r->hand)) == n + 1 || load(&r->spare) == n + 1ul))
			return 1;
	}
	return 0;
}

INLINE int in_pool(struct map_header *h, enum pool p, u32 n) { return load(&map_pool(h, p)[n / 64]) >> n % 64 & 1; }

HOT int bpftime_is_ours(struct map_header *h, u32 lease, u64 number)
{
	u32 n = (u32)number - 1;
	u64 link;

	if (number - 1 >= h->nnodes)
		return 0;
	link = load(&map_node(h, n)->link);
	if (bpftime_is_linked(h, n))
		return 0;
	for (int look = 0; look < 2; look++)
		if (is_named(h, n, lease) || in_pool(h, FREE, n) || in_pool(h, SPARES, n))
			return 0;
	return load(&map_node(h, n)->link) == link;
}

static HOT void give_unused(struct map_header *h, enum pool p, u64 n)
{
	u64 *link = &map_node(h, n)->link;

	store(link, relinked(load(link), NODE(load(link))));
	map_give(h, p, n);
}

/* We hold the lease, and run no operation of it. May itself be killed, and is then
 * done again: a node that was given has its bit, or is the spare. */
HOT void bpftime_hash_recover(struct map_header *h, u32 lease)
{
	struct map_record *r = map_record(h, lease);
	u64 victim = load(&r->victim), hand;
	int published;

	bpftime_hand_settle(h, r);
	hand = r->hand ? bpftime_hand_lock(h, r) : 0;
	published = r->spare && !bpftime_is_ours(h, lease, r->spare);

	if (victim != r->spare && bpftime_is_ours(h, lease, victim)) {
		if (published)
			store(&r->spare, victim);
		else
			map_give(h, pool_of(map_node(h, victim - 1)->link), victim - 1);
		published = 0;
	}
	if (published)
		store(&r->spare, 0);
	store(&r->victim, 0);
	if (hand && NODE(hand) != victim && NODE(hand) != r->spare && bpftime_is_ours(h, lease, NODE(hand)))
		give_unused(h, hand & MAP_HAND_SPARE ? SPARES : FREE, NODE(hand) - 1);
	store(&r->hand, 0);
	if (victim - 1 < h->nnodes && map_node(h, victim - 1)->link & MARKS)
		bpftime_hash_sweep(h, map_node(h, victim - 1)->key, lease);
}

/* No node is left: those of leases that nobody holds. Their spares are for others now. */
static HOT void reclaim_from(struct map_header *h, u32 lease)
{
	struct map_record *r = map_record(h, lease);
	u64 spare;

	if (r->hand | r->victim)
		bpftime_hash_recover(h, lease);
	spare = r->spare;
	if (!spare || !bpftime_is_ours(h, lease, spare))
		return;
	store(&r->hand, MAP_HAND_SPARE | spare);
	store(&r->spare, 0);
	give_unused(h, SPARES, spare - 1);
	store(&r->hand, 0);
}

HOT void bpftime_pool_reclaim(struct map_header *h)
{
	struct session_lease *leases = bpftime_resident.session->leases;
	u64 proc = load(&bpftime_private.proc);

	for (u32 i = 0; proc && i < SESSION_NLEASES; i++) {
		struct map_record *r = map_record(h, i);

		if (!(r->hand | r->victim | r->spare) || load(&leases[i].owner) || !cas(&leases[i].owner, 0, proc))
			continue;
		reclaim_from(h, i);
		store(&leases[i].owner, 0);
	}
}

/* ---- pools ---- */

/* A node of word at of the pool comes into our hand; bounded, whatever others do. */
static HOT int take_bit(struct map_header *h, struct map_record *mine, u64 kind, u64 *words, u32 at)
{
	for (u32 tries = 0; tries < BUDGET; tries++) {
		u64 word = load(&words[at]);
		u32 node = at * 64 + (u32)__builtin_ctzl(word | 1ul << 63);

		if (!word || node >= h->nnodes)
			return 0;
		map_hold(mine, kind, node);
		if (cas(&words[at], word, word & (word - 1)))
			return 1;
	}
	return 0;
}

static HOT int take_from(struct map_header *h, struct map_record *mine, enum pool p)
{
	u64 *words = map_pool(h, p), kind = p == SPARES ? MAP_HAND_SPARE : 0;
	u32 n = map_words(h), at = (u32)mine->cursor;

	for (u32 i = 0; i < n; i++, at++) {
		at = at < n ? at : 0;
		if (take_bit(h, mine, kind, words, at)) {
			if (p == FREE)
				mine->cursor = at;
			return 1;
		}
	}
	store(&mine->hand, 0);
	return 0;
}

HOT int bpftime_pool_take_spare(struct map_header *h, struct map_record *mine) { return take_from(h, mine, SPARES); }

HOT int bpftime_pool_take(struct map_header *h, struct map_record *mine) { return take_from(h, mine, FREE); }

HOT int bpftime_pool_search(struct map_header *h, struct map_record *mine)
{
	if (take_from(h, mine, FREE))
		return 1;
	if (mine->failures++ % RECLAIM_EVERY == 0) {
		bpftime_pool_reclaim(h);
		if (take_from(h, mine, FREE))
			return 1;
	}
	return bpftime_hand_steal(h, mine);
}

HOT void bpftime_pool_give_back(struct map_header *h, struct map_record *mine)
{
	u64 hand = bpftime_hand_lock(h, mine);

	if (NODE(hand) - 1 < h->nnodes)
		give_unused(h, hand & MAP_HAND_SPARE ? SPARES : FREE, NODE(hand) - 1);
	store(&mine->hand, 0);
}

/* A node to replace another with comes to be the spare, or into the hand. */
HOT void bpftime_pool_replacement(struct map_header *h, struct map_record *mine)
{
	if (unlikely(!mine->turn))
		bpftime_hand_known(h, mine);
	if (take_from(h, mine, SPARES)) {
		store(&mine->spare, NODE(mine->hand));
		store(&mine->hand, 0);
	} else {
		take_from(h, mine, FREE);
	}
}
