/* lru_hash and lru_percpu_hash: a hash that, when it is full, lets the entry go that
 * was not used for longest, about.
 *
 * The clock of the control page goes round over the nodes. Whoever looks an entry up
 * adds to the node's REF, up to three, and a replaced value begins with one; the clock
 * takes one away, and lets the next node go that has none. So what is used once in each
 * round stays, and what was used often stays for some. A new entry has none, but stands behind the clock, which has
 * to come all the way round to it. Who is about to let a node go moves the clock over
 * it by compare-and-swap: so no two try the same, and who was stopped before that looks
 * at the clock again.
 *
 * Letting go is removing (map_hash.c), but the node comes into our hand instead of the
 * pool. There is no key to search for: the node's may change while it is read, so the
 * chain of this key is searched for the node. It is found there, or it is somewhere
 * else and not for us. Killed anywhere, the entry is there or has gone, and
 *
 *   before the unlinking   victim names the node, which is marked or is not
 *   behind the unlinking   victim names it, then hand too, then hand alone
 *
 * of which map_lost.c makes one free node.
 *
 * `freed` counts free nodes that were given. Who found none remembers it, and need not
 * search again until there is another.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map_hash.h"

#define NONE 0xffffffffu
#define LENIENT 512       /* entries in use that the clock passes at once */
#define MOST_NODES 65536  /* that are tried */
#define MOST_LINKS 4096   /* of a chain */
#define SEARCH_EVERY 1024 /* entries that go: then a free node is searched for all the same */

/* A link that names a node, and the node's own. */
struct place {
	u64 *at, link, next;
};

/* Stands at node n in the chain of its key. 0: it is in none, or somebody changes it. */
static HOT int stand_at(struct map_header *h, u32 n, u32 lease, struct place *p)
{
	struct map_node *node = map_node(h, n);
	u64 *at = map_head(h, map_hash(h, node->key)), link = load(at);

	for (u32 i = 0; i < MOST_LINKS && NODE(link) < h->nnodes; i++) {
		u64 *own = &map_node(h, NODE(link))->link, next = load(own);

		if (load(at) != link)
			return 0;
		if (unlikely(next & MARKS)) {
			bpftime_hash_sweep(h, node->key, lease);
			return 0;
		}
		if (NODE(link) == n) {
			*p = (struct place){at, link, next};
			return 1;
		}
		at = own;
		link = next;
	}
	return 0;
}

/* discard() of map_hash.c, into our hand. */
static HOT int let_go(struct map_header *h, struct map_record *mine, u32 lease, u32 n)
{
	struct map_node *node = map_node(h, n);
	struct place p;
	int last, ours = 0;

	if (!stand_at(h, n, lease, &p))
		return 0;
	last = NODE(p.next) >= h->nnodes;
	store(&mine->victim, map_name(n, p.next + TAG));
	if (last || cas(&node->link, p.next, relinked(p.next, NODE(p.next)) | MAP_LINK_DELETED)) {
		ours = cas(p.at, p.link, relinked(p.link, NODE(p.next)));
		if (ours)
			map_hold(h, mine, 0, n);
		else if (!last)
			bpftime_hash_sweep(h, node->key, lease);
	}
	store(&mine->victim, 0);
	return ours;
}

/* The next node from n on that is in no pool; NONE: they all are. */
static HOT u32 next_used(struct map_header *h, u32 n)
{
	u64 *words = map_pool(h, FREE);
	u32 nwords = map_words(h), at = n / MAP_POOL_NODES, mask = ~0u << n % MAP_POOL_NODES;

	for (u32 i = 0; i <= nwords; i++, mask = ~0u) {
		u32 node = map_first(at, ~(load(&words[at]) | load(&words[nwords + at])) & mask);

		if (node < h->nnodes)
			return node;
		at = at + 1 < nwords ? at + 1 : 0;
	}
	return NONE;
}

INLINE u32 behind(const struct map_header *h, u32 n) { return n + 1 < h->nnodes ? n + 1 : 0; }

/* Was it used? Then that is one use less. */
INLINE int was_used(struct map_header *h, u32 n)
{
	u64 *ref = map_ref(h, map_node(h, n)), uses = load(ref);

	if (!uses)
		return 0;
	store(ref, uses <= MOST_REF ? uses - 1 : 0);
	return 1;
}

static HOT int evict(struct map_header *h, struct map_record *mine, u32 lease)
{
	u64 *clock = &map_control(h)->clock, begun = load(clock), n = begun;
	u32 in_use = 0;

	for (u32 i = 0; i < MOST_NODES; i++) {
		n = next_used(h, n < h->nnodes ? (u32)n : 0);
		if (n == NONE)
			return 0;
		if (in_use < LENIENT && was_used(h, (u32)n)) {
			in_use++;
			n = behind(h, (u32)n);
			continue;
		}
		if (!cas(clock, begun, (u64)behind(h, (u32)n))) {
			n = begun = load(clock);
			continue;
		}
		if (let_go(h, mine, lease, (u32)n))
			return 1;
		n = begun = behind(h, (u32)n);
	}
	return 0;
}

HOT int bpftime_lru_node(struct map_header *h, struct map_record *mine, u32 lease)
{
	u64 freed = load(&map_control(h)->freed);

	if (mine->seen != freed + 1 || mine->failures++ % (SEARCH_EVERY + map_words(h)) == 0) {
		if (bpftime_pool_take(h, mine))
			return 1;
		mine->seen = freed + 1;
	}
	if (evict(h, mine, lease))
		return 1;
	bpftime_pool_reclaim(h);
	mine->seen = 0;
	return bpftime_pool_take(h, mine) || bpftime_hand_steal(h, mine) == 1;
}
