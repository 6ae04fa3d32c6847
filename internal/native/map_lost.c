/* Nodes of a hash that are in no chain: those in the pools, and those that a killed
 * process had in hand. Whose are they?
 *
 * A lease's record names them (map_hash.c). Who holds the lease, and no operation of
 * its own runs, asks for each: is it in a chain, in a pool, or named better by the record
 * of another lease? If not, it goes where it belongs. All others run on meanwhile.
 *
 * Records name what they had, too: who was killed between its change and clearing its
 * record, or while it tried to take a node in vain. So a name has a tag, as links have,
 * and of several names of a node the latest is right. A node's link has the tag
 *
 *     a      it was filled so, and came into a chain         hand, spare: a
 *            somebody takes it out of there, or tries to     victim: a + 1
 *     a + 1  frozen before that
 *            it is kept to replace another                   spare: a + 2
 *     +1     given back unused, from a hand that says so
 *            it is taken from a pool, or that is tried       hand: the link's + 2
 *
 * and is filled with the tag of its name: so names of who had it earlier are earlier, and
 * are not looked at. Names of the same tag are of those who tried the same at once, of
 * whom one succeeded; it cannot be told who. Then the node is in doubt: it is named in
 * MAP_NLIMBO words behind the pools, and looked at again when others have gone on or were
 * found to be dead, too. Whose name is late, and whose kind, it has: the pool that a node
 * belongs to changes only with a later name, or by theft, and what is in doubt is not
 * stolen. Nodes move only like this:
 *
 *     chain ──▶ victim or hand ──▶ pool or spare ──▶ hand ──▶ (filled) ──▶ chain
 *
 * Each is looked at in this order, from the chains to the pools, and three times: what
 * gets into a chain behind our back is found there, or in a pool, or in a hand the next
 * time, or it has been filled. Filling changes the node's tag, which is compared at the
 * end; so does giving back what was in a hand, since that may not have been filled.
 *
 * tests/maps/testdata/model.c tries this at every access, with tasks that are killed.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map_hash.h"

#define RECLAIM_EVERY 64 /* failures of a lease to get a node */
#define MOST_STEPS 4096
#define MOST_TRIES 16
#define LOOKS 3

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
static HOT enum whose is_unlinked(struct map_header *h, u32 n)
{
	u64 *head = map_head(h, map_hash(h, map_node(h, n)->key));

	for (u32 tries = 0; tries < MOST_TRIES; tries++) {
		int there = 0;
		u64 sum = trail(h, head, n, &there);

		there = 0; /* it may have come by a node that was not in the chain any more */
		if (trail(h, head, n, &there) == sum)
			return there ? NOT_OURS : OURS;
	}
	return UNSURE;
}

/* Another record's name of the same node: is ours the later one? What was stolen is so. */
static HOT enum whose compare(struct map_header *h, u64 ours, u64 other)
{
	int later;

	if (NODE(other) != NODE(ours))
		return OURS;
	later = tag_since((u32)bpftime_tag_of_name(h, ours), (u32)bpftime_tag_of_name(h, other));
	if (!later)
		later = ((ours & KIND) == STOLEN) - ((other & KIND) == STOLEN);
	return later > 0 ? OURS : later ? NOT_OURS : UNSURE;
}

INLINE enum whose lesser(enum whose a, enum whose b) { return a < b ? a : b; }

static HOT enum whose compare_all(struct map_header *h, u64 name, u32 not_with)
{
	enum whose r = OURS;

	for (u32 i = 0; i < MAP_NRECORDS; i++) {
		struct map_record *o = map_record(h, i);

		if (i == not_with)
			continue;
		r = lesser(r, compare(h, name, load(&o->victim)));
		r = lesser(r, compare(h, name, load(&o->hand)));
		r = lesser(r, compare(h, name, load(&o->spare)));
	}
	return r;
}

INLINE int in_pool(struct map_header *h, enum pool p, u32 n) { return load(&map_pool(h, p)[n / MAP_POOL_NODES]) >> n % MAP_POOL_NODES & 1; }

INLINE int is_pooled(struct map_header *h, u32 n) { return in_pool(h, FREE, n) || in_pool(h, SPARES, n); }

/* Is the name older than the node's tag? Then somebody else had it meanwhile, and has it
 * still if anybody knows it. */
INLINE int is_old(struct map_header *h, u64 name, u64 link) { return tag_since(tag_of(link), (u32)bpftime_tag_of_name(h, name)) > 0; }

HOT enum whose bpftime_whose(struct map_header *h, u32 lease, u64 name)
{
	u32 n = NODE(name) - 1;
	enum whose r = OURS;
	u64 link;

	if (n >= h->nnodes)
		return NOT_OURS;
	link = load(&map_node(h, n)->link);
	for (int look = 0; look < LOOKS; look++) {
		r = lesser(r, is_unlinked(h, n));
		r = lesser(r, compare_all(h, name, lease));
		if (is_pooled(h, n))
			return NOT_OURS;
	}
	if (load(&map_node(h, n)->link) != link || is_old(h, name, link))
		r = lesser(r, UNSURE);
	return r;
}

/* What is in our hand, and nobody knows but we, goes to a pool: with a tag that is later
 * than all its names. */
static HOT void give_unused(struct map_header *h, struct map_record *mine, u64 name)
{
	u64 n = NODE(name) - 1ul, tag = bpftime_tag_of_name(h, name) + 1, kind = name & MAP_HAND_SPARE ? MAP_HAND_SPARE : MAP_HAND_LOCKED;

	store(&mine->hand, map_name(n, tag << MAP_LINK_TAG) | kind);
	store(&map_node(h, n)->link, (tag << MAP_LINK_TAG) | MAP_LINK_END);
	map_give(h, kind == MAP_HAND_SPARE ? SPARES : FREE, n);
}

/* To be looked at again. Where there is no room left it is lost. */
static HOT void doubt(struct map_header *h, enum pool p, u64 name)
{
	u64 n = NODE(name) - 1ul, *limbo = map_limbo(h), tag = bpftime_tag_of_name(h, name), link = load(&map_node(h, n)->link);

	if (tag_since(tag_of(link), (u32)tag) > 0)
		tag = tag_of(link);
	for (u32 i = 0; i < MAP_NLIMBO; i++)
		if (!load(&limbo[i]) && cas(&limbo[i], 0, map_name(n, tag << MAP_LINK_TAG) | (p == SPARES ? MAP_HAND_SPARE : MAP_HAND_LOCKED)))
			return;
}

/* Is the node in doubt, or with 0 any free one? A place that is in doubt is not to be
 * taken, or it would be another pool that it belongs to. */
HOT int bpftime_is_doubted(struct map_header *h, u64 name)
{
	for (u32 i = 0; i < MAP_NLIMBO; i++) {
		u64 doubted = load(&map_limbo(h)[i]);

		if (NODE(name) ? NODE(doubted) == NODE(name) : (doubted & KIND) == MAP_HAND_LOCKED)
			return 1;
	}
	return 0;
}

/* Its spare node was published when it was killed: then the one that it replaced is the
 * spare one. */
static HOT int spare_is_gone(struct map_header *h, struct map_record *r, u32 lease)
{
	enum whose whose = r->spare ? bpftime_whose(h, lease, r->spare) : OURS;

	if (whose == UNSURE)
		doubt(h, SPARES, r->spare);
	return whose != OURS;
}

/* Who replaced a last node took it out by the same step: others may name it, but have it not. */
INLINE int was_last(u64 link, u64 victim) { return !(link & MARKS) && tag_of(link + TAG) == tag_of(victim); }

static HOT void recover_victim(struct map_header *h, struct map_record *r, u32 lease, int gone)
{
	u64 victim = r->victim, *at, link;
	enum whose whose;

	if (NODE(victim) - 1 >= h->nnodes)
		return;
	at = &map_node(h, NODE(victim) - 1)->link;
	link = load(at);
	whose = bpftime_whose(h, lease, victim);
	if (whose == UNSURE && gone && was_last(link, victim) && load(at) == link)
		whose = OURS;
	if (whose == UNSURE)
		doubt(h, gone ? SPARES : pool_of(link), victim);
	else if (whose == OURS && gone)
		store(&r->spare, victim + TAG);
	else if (whose == OURS)
		map_give(h, pool_of(link), NODE(victim) - 1);
}

/* What the hand named may have gone and come back before it was taken: then the name is
 * too old, and the node may be ours all the same, as it is. */
static HOT void recover_hand(struct map_header *h, struct map_record *r, u32 lease)
{
	u64 hand = r->hand, link;
	enum whose whose;

	if (NODE(hand) - 1 >= h->nnodes)
		return;
	link = load(&map_node(h, NODE(hand) - 1)->link);
	if (is_old(h, hand, link))
		hand = map_name(NODE(hand) - 1, link) | (hand & MAP_HAND_SPARE ? MAP_HAND_SPARE : MAP_HAND_LOCKED);
	whose = bpftime_whose(h, lease, hand);
	if (whose == OURS && hand == r->hand)
		give_unused(h, r, hand);
	else if (whose != NOT_OURS)
		doubt(h, hand & MAP_HAND_SPARE ? SPARES : FREE, hand);
}

/* We hold the lease, and run no operation of it. May itself be killed, and is then
 * done again: a node that was given has its bit, or is the spare. */
HOT void bpftime_hash_recover(struct map_header *h, u32 lease)
{
	struct map_record *r = map_record(h, lease);
	u64 victim = load(&r->victim), hand, spare;
	int gone;

	bpftime_hand_settle(h, r);
	hand = r->hand ? bpftime_hand_lock(h, r) : 0;
	gone = spare_is_gone(h, r, lease);
	spare = r->spare;
	if (NODE(victim) && NODE(victim) != NODE(spare) && NODE(victim) != NODE(hand))
		recover_victim(h, r, lease, gone);
	if (gone && r->spare == spare)
		store(&r->spare, 0);
	else if (spare && r->spare == spare) /* it may have been filled */
		store(&r->spare, spare + TAG);
	store(&r->victim, 0);
	if (NODE(hand) && NODE(hand) != NODE(r->spare))
		recover_hand(h, r, lease);
	store(&r->hand, 0);
	if (NODE(victim) - 1 < h->nnodes && map_node(h, NODE(victim) - 1)->link & MARKS)
		bpftime_hash_sweep(h, map_node(h, NODE(victim) - 1)->key, lease);
	bpftime_pool_sweep(h, r);
}

/* ---- nodes in doubt ---- */

/* As if we were one of those who may have it, and the first to be killed. */
static HOT enum whose whose_now(struct map_header *h, u64 doubted)
{
	if (NODE(doubted) - 1 >= h->nnodes || is_old(h, doubted, load(&map_node(h, NODE(doubted) - 1)->link)))
		return NOT_OURS;
	return bpftime_whose(h, MAP_NRECORDS, doubted);
}

static HOT void sweep(struct map_header *h, struct map_record *mine, u64 *at, u64 doubted)
{
	enum whose whose = whose_now(h, doubted);

	if (whose == UNSURE)
		return;
	if (whose == OURS) { /* by the same name: another one who looks at it is not to think that it is known */
		mine->turn++;
		store(&mine->hand, doubted);
	}
	if (cas(at, doubted, 0) && whose == OURS)
		give_unused(h, mine, mine->hand);
	store(&mine->hand, 0);
}

HOT void bpftime_pool_sweep(struct map_header *h, struct map_record *mine)
{
	u64 *limbo = map_limbo(h);

	for (u32 i = 0; i < MAP_NLIMBO; i++)
		if (load(&limbo[i]))
			sweep(h, mine, &limbo[i], load(&limbo[i]));
}

/* No node is left: those of leases that nobody holds. Their spares are for others now. */
static HOT void reclaim_from(struct map_header *h, u32 lease)
{
	struct map_record *r = map_record(h, lease);
	u64 spare;

	if (r->hand | r->victim)
		bpftime_hash_recover(h, lease);
	spare = r->spare;
	if (!spare || bpftime_whose(h, lease, spare) != OURS)
		return;
	store(&r->hand, MAP_HAND_SPARE | spare);
	store(&r->spare, 0);
	give_unused(h, r, r->hand);
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

/* Apart, or there are too few registers. */
static HOT int take_node(struct map_header *h, struct map_record *mine, u64 kind, u64 n, u64 *word_at, u64 word)
{
	return map_take(h, mine, kind, n, word_at, word);
}

/* A node of the pool comes into our hand: all words are looked at, and again while others
 * take from them, bounded. */
static HOT int take_from(struct map_header *h, struct map_record *mine, enum pool p)
{
	u64 kind = p == SPARES ? MAP_HAND_SPARE : 0;
	u32 left = map_words(h), at = (u32)mine->cursor < left ? (u32)mine->cursor : 0;

	for (u32 tries = left + BUDGET; left && tries; tries--) {
		u64 *word_at = &map_pool(h, p)[at], word = load(word_at);
		u32 node = map_first(at, word);

		if (node >= h->nnodes) {
			at = at + 1 < map_words(h) ? at + 1 : 0;
			left--;
		} else if (take_node(h, mine, kind, node, word_at, word)) {
			mine->cursor = p == FREE ? at : mine->cursor;
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
		bpftime_pool_sweep(h, mine);
		if (take_from(h, mine, FREE))
			return 1;
	}
	return bpftime_hand_steal(h, mine);
}

HOT void bpftime_pool_give_back(struct map_header *h, struct map_record *mine)
{
	u64 hand = bpftime_hand_lock(h, mine);

	if (NODE(hand) - 1 < h->nnodes)
		give_unused(h, mine, hand);
	store(&mine->hand, 0);
}

/* A node to replace another with comes to be the spare, or into the hand. */
HOT void bpftime_pool_replacement(struct map_header *h, struct map_record *mine)
{
	if (take_from(h, mine, SPARES)) {
		store(&mine->spare, mine->hand & ~KIND);
		store(&mine->hand, 0);
	} else {
		take_from(h, mine, FREE);
	}
}
