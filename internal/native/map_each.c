/* bpf_for_each_map_elem: a function of the program, for each entry.
 *
 * Of an array in the order of its indexes. Of a hash by chains, as map_hash.c has them,
 * while they change, also by the function itself, which may update and delete what it
 * is given. So what is remembered between two calls is the last node, and the value of
 * its own link then: a link never has a value twice. Is it the same, the walk goes on
 * from there; else it looks in the chain for the node that came next, and when that is
 * gone too, ends with this chain. An entry that is there all the while, in a chain that
 * nobody else changes, comes once; an entry that the function deletes or replaces costs
 * no other. The kernel promises no more.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map_hash.h"

#define NONE 0xffffffffu

struct each {
	struct map_header *h;
	callback *call;
	u64 arg, ctx, called;
	u32 lease;
};

/* Calls it for one entry; the result says whether that was the last. */
INLINE int visit(struct each *e, const void *key, u8 *value)
{
	e->called++;
	return e->call((u64)e->h, (u64)key, (u64)value, e->arg, 0, e->ctx) != 0;
}

static HOT u64 each_of_array(struct each *e)
{
	u8 *values = e->h->type == TYPE_ARRAY ? map_at(e->h, MAP_DATA_OFF) : map_block(e->h, e->lease);
	u32 key;

	if (!values)
		return error(EBUSY_);
	for (u32 i = 0; i < e->h->max_entries; i++) {
		key = i;
		if (visit(e, &key, values + (u64)i * e->h->value_stride))
			break;
	}
	return e->called;
}

/* ---- hashes ---- */

/* Where a walk along a chain is: behind node, whose own link was link. */
struct position {
	u64 *head, link;
	u32 node; /* NONE: before the first */
	u32 budget;
};

/* The link of the chain that names a node; 0: there is none. */
static HOT u64 *link_to(struct map_header *h, u64 *at, u32 node)
{
	for (u32 n = 0; n < h->nnodes; n++) {
		u32 next = NODE(load(at));

		if (next == node)
			return at;
		if (next >= h->nnodes)
			return 0;
		at = &map_node(h, next)->link;
	}
	return 0;
}

/* The link that leads on; 0: the chain has no more. */
INLINE u64 *onward(struct map_header *h, struct position *p)
{
	u64 *at = p->node == NONE ? p->head : &map_node(h, p->node)->link, now = load(at);
	u32 next = NODE(now & MARKS ? p->link : now);

	if (p->node == NONE || now == p->link)
		return at;
	return next < h->nnodes ? link_to(h, p->head, next) : 0;
}

/* Steps to the next node that is in the chain, passing those that are marked. */
static HOT int step(struct map_header *h, struct position *p)
{
	while (p->budget--) {
		u64 *at = onward(h, p), link, own;

		if (!at)
			return 0;
		link = load(at);
		if (NODE(link) >= h->nnodes)
			return 0;
		own = load(&map_node(h, NODE(link))->link);
		if (load(at) != link)
			continue;
		p->node = NODE(link);
		p->link = own;
		if (!(own & MARKS))
			return 1;
	}
	return 0;
}

INLINE u8 *value_at(struct each *e, u8 *block, u32 node)
{
	return e->h->nslots ? block + (u64)node * e->h->value_stride : (u8 *)map_node(e->h, node) + e->h->value_at;
}

static HOT u64 each_of_hash(struct each *e)
{
	struct map_header *h = e->h;
	u8 *block = h->nslots ? map_block(h, e->lease) : 0;

	if (h->nslots && !block)
		return error(EBUSY_);
	for (u64 b = 0; b <= h->bucket_mask; b++) {
		struct position p = {map_head(h, b), 0, NONE, BUDGET};

		while (step(h, &p))
			if (visit(e, map_node(h, p.node)->key, value_at(e, block, p.node)))
				return e->called;
	}
	return e->called;
}

HOT u64 bpftime_for_each_map_elem(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	struct each e = {h, (callback *)r2, r3, ctx, 0, thread_of(ctx)->lease};

	if (r4)
		return error(EINVAL_);
	if (is_hashed(h))
		return each_of_hash(&e);
	if (h->type == TYPE_ARRAY || h->type == TYPE_PERCPU_ARRAY)
		return each_of_array(&e);
	return error(ENOTSUPP_);
}
