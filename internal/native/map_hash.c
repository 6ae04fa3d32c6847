/* hash and percpu_hash: chains of nodes, changed by compare-and-swap only, so that
 * nobody ever waits for a process that was killed or stopped.
 *
 *   head of the bucket ──▶ node ──▶ node ──▶ end
 *
 * A *link* is the head, or what lies in a node: the number of the next node, marks
 * about the node it lies in, and a tag that counts its changes, also while the node
 * is nowhere, so a link never has a value twice. Numbers are below nnodes; any other
 * is the end. Keys are in a chain once. A node's key does not change while it is in
 * a chain.
 *
 * Every change is one successful compare-and-swap:
 *
 *   insert   head: first → node, whose link is first. The key was looked for in
 *            the chain that begins with this value of the head, and keys are
 *            inserted here only: so nobody has inserted it meanwhile.
 *   remove   the *last* node of a chain: the link that names it → end. Nothing
 *            hangs on it, and its own link stays `end`, since what follows a node
 *            only ever disappears.
 *   replace  the last node: the link that names it → new node.
 *            Another node could get another next one at this moment, so its own
 *            link is frozen first, and that is the change:
 *   remove   link → the same next node, with the mark DELETED
 *   replace  link → new node, whose link is the next one, with the mark REPLACED
 *            (REPLACED | DELETED: the same, but for the pool the node goes to)
 *            Then it is unlinked, by whoever comes by or did it: the link that names
 *            it → what its own link names.
 *
 * A walker has read the link `at` when it comes to a node. It reads the node's key and
 * link, then `at` again: unchanged and without mark, so the node is in the chain, was
 * so all the time, and what was read is its own. So who reaches the end without the
 * key has passed every node that was there all the while, wherever nodes were used
 * again meanwhile. Otherwise it begins again. `budget` bounds all this; then -EBUSY.
 *
 * Who unlinks a node, or takes its bit from a pool, has it alone. The pool FREE holds
 * as many nodes as entries may still be inserted. SPARES are for replacing: each lease
 * keeps one as `spare`, publishes it, and keeps the node that it replaced. What a
 * lease has in hand is in its record before the compare-and-swap that makes it so:
 *
 *   hand     taken from a pool; filled; published
 *   victim   unlinked; given to a pool, or kept as spare
 *
 * Who finds no free node while another one has it in hand, and may yet find its key
 * inserted, takes its place: map_steal.c.
 *
 * each by a name with a tag. The next who uses the lease finds them when its holder was
 * killed; map_lost.c finds out whose the nodes are, by the tags. Killed anywhere, an
 * operation has happened or has not:
 *
 *   before the change      the key is as it was; hand or victim names a node of ours,
 *                          or one that is in its place
 *   behind the change      marked, but not unlinked: whoever comes by unlinks it, and
 *                          victim names it too
 *   behind the unlinking   victim names the node
 *   behind giving it       its bit is set, or it is the spare: victim names nothing
 *                          that could be lost
 *
 * A word of a pool counts what was given to it: who takes a node knows that it was there
 * all the while, so it has the tag that was read.
 *
 * A value is written before its node is published. A program that holds a pointer to
 * a value when the node is removed writes into a node that may be used again: as the
 * kernel's (preallocated) hashes have it. Before a node is filled its tag changes, so
 * who copies a value and then finds the link as it was has one value.
 *
 * A percpu_hash has no values in its nodes; node n's are the n-th of each block
 * (map_block.c). They are zeroed while the node is in hand.
 *
 * An LRU type that is full lets another entry go: map_lru.c.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map_hash.h"

#define FEW 64
#define NONE 0xffffffffu

enum { ABSENT, FOUND, EXHAUSTED };   /* of find() */
enum { DONE, AGAIN, FULL, NO_NODE }; /* of a change */

/* An operation. It lives in registers: its address goes nowhere. Short keys are in word,
 * and code for them is compiled apart. */
struct walk {
	struct map_header *h;
	struct map_record *mine;
	const u8 *key, *given; /* given: how a trie's key was spelled, else 0 */
	u64 word, *head;
	u32 lease, budget;
	int brief;
	/* where find() stopped */
	u64 first;     /* value of the head when it began */
	u64 *at, link; /* the link it came by, with its value */
	struct map_node *node;
	u64 next;      /* the node's own link */
};

static HOT int same_long_key(const struct map_header *h, const struct map_node *node, const u8 *key)
{
	const u8 *k = node->key;
	u64 n = h->key_size;

	for (; n > 8; n -= 8, k += 8, key += 8)
		if (load8(k) != load8(key))
			return 0;
	return load8(k) == load_tail(key, n);
}

INLINE int same_key(const struct walk *w)
{
	return w->brief ? load8(w->node->key) == w->word : same_long_key(w->h, w->node, w->key);
}

INLINE void be_ready(struct map_header *h, struct map_record *mine, u32 lease)
{
	if (unlikely(!mine->turn))
		bpftime_hand_known(h, mine);
	if (unlikely(mine->hand | mine->victim))
		bpftime_hash_recover(h, lease);
}

INLINE struct walk begin(struct map_header *h, const u8 *key, u32 lease, int brief)
{
	struct walk w = {.h = h, .mine = map_record(h, lease), .key = key, .lease = lease, .budget = BUDGET, .brief = brief};

	if (brief) {
		w.word = load_tail(key, h->key_size);
		w.head = map_head(h, mix(h->seed ^ w.word, GOLDEN));
	} else {
		w.head = map_head(h, map_hash(h, key));
	}
	be_ready(h, w.mine, lease);
	return w;
}

INLINE int is_brief(const struct map_header *h) { return h->key_size <= 8; }

INLINE void from_head(struct walk *w)
{
	w->at = w->head;
	w->link = w->first = load(w->head);
}

/* A node that is marked next goes out of its chain. What at is then; 0: somebody was
 * faster. */
static HOT u64 unlink_marked(struct map_header *h, struct map_record *mine, u64 *at, u64 link, u64 next)
{
	u64 after = relinked(link, NODE(next));

	store(&mine->victim, map_name(NODE(link), next));
	if (cas(at, link, after))
		map_give(h, pool_of(next), NODE(link));
	else
		after = 0;
	store(&mine->victim, 0);
	return after;
}

INLINE void pass_marked(struct walk *w)
{
	u64 after = unlink_marked(w->h, w->mine, w->at, w->link, w->next);

	if (!after) {
		from_head(w);
		return;
	}
	if (w->at == w->head)
		w->first = after;
	w->link = after;
}

/* Finds the key; oldest: the last node of the chain, whatever its key. */
INLINE int find_either(struct walk *w, int oldest)
{
	from_head(w);
	while (w->budget-- > 1) {
		int same;

		if (NODE(w->link) >= w->h->nnodes)
			return ABSENT;
		w->node = map_node(w->h, NODE(w->link));
		w->next = load(&w->node->link);
		same = oldest ? NODE(w->next) >= w->h->nnodes : same_key(w);
		if (unlikely(load(w->at) != w->link)) {
			from_head(w);
		} else if (unlikely(w->next & MARKS)) {
			pass_marked(w);
		} else if (same) {
			return FOUND;
		} else {
			w->at = &w->node->link;
			w->link = w->next;
		}
	}
	w->budget = 1;
	return EXHAUSTED;
}

INLINE int find(struct walk *w) { return find_either(w, 0); }

/* The lease's value of node n in a percpu_hash; 0: there is no block. */
INLINE u8 *own_value(struct map_header *h, u64 n, u32 lease)
{
	u8 *block = map_block(h, lease);

	return block ? block + n * h->value_stride : 0;
}

static HOT u64 percpu_value(struct map_header *h, u64 n, u32 lease) { return (u64)own_value(h, n, lease); }

INLINE u64 value_of(struct map_header *h, struct map_node *node, u64 n, u32 lease)
{
	return likely(!h->nslots) ? (u64)node + h->value_at : percpu_value(h, n, lease);
}

/* An entry was used. Those that are used much are at MOST_REF: their lines stay clean. */
INLINE void refer(struct map_header *h, struct map_node *node)
{
	u64 *ref = map_ref(h, node), uses;

	if (likely(!is_lru(h)))
		return;
	uses = load(ref);
	if (uses < MOST_REF)
		store(ref, uses + 1);
}

INLINE u64 found_at(struct map_header *h, struct map_node *node, u64 n, u32 lease)
{
	refer(h, node);
	return value_of(h, node, n, lease);
}

static HOT u64 lookup(struct map_header *h, const u8 *key, u32 lease)
{
	struct walk w = begin(h, key, lease, 0);
	int found = find(&w);

	if (found == EXHAUSTED)
		map_count(&map_control(h)->busy);
	return found == FOUND ? found_at(h, w.node, NODE(w.link), lease) : 0;
}

/* find() in few registers, for short keys and those who meet nobody. */
HOT u64 bpftime_hash_lookup(struct map_header *h, const u8 *key, u32 lease)
{
	u64 k, *at, link;

	if (unlikely(h->key_size > 8))
		return lookup(h, key, lease);
	k = load_tail(key, h->key_size);
	at = map_head(h, mix(h->seed ^ k, GOLDEN));
	link = load(at);
	for (u32 n = 0; n < FEW; n++) {
		struct map_node *node = map_node(h, NODE(link));
		u64 next;
		int same;

		if (NODE(link) >= h->nnodes)
			return 0;
		next = load(&node->link);
		same = load8(node->key) == k;
		if (unlikely(load(at) != link || next & MARKS))
			break;
		if (same)
			return found_at(h, node, NODE(link), lease);
		at = &node->link;
		link = next;
	}
	return lookup(h, key, lease);
}

/* Unlinks what is marked in the key's chain: what we marked ourselves, when the link
 * that names it has changed meanwhile. */
HOT void bpftime_hash_sweep(struct map_header *h, const u8 *key, u32 lease)
{
	struct walk w = {.h = h, .mine = map_record(h, lease), .key = key, .head = map_head(h, map_hash(h, key)), .budget = BUDGET};

	find_either(&w, h->type == TYPE_STACK); /* all keys of a stack are the same */
}

/* ---- nodes ---- */

/* Where there was one the last time there is likely to be another. */
INLINE int take_free(struct map_header *h, struct map_record *mine)
{
	u64 *words = map_pool(h, FREE), at = mine->cursor, word, node;

	if (unlikely(at >= map_words(h)))
		return bpftime_pool_search(h, mine);
	word = load(&words[at]);
	node = map_first(at, word);
	if (unlikely(node >= h->nnodes))
		return bpftime_pool_search(h, mine);
	return likely(map_take(h, mine, 0, node, &words[at], word)) || bpftime_pool_search(h, mine);
}

/* The values of node n are zero in every block that a lease ever had, and value in
 * ours; 0: there is no block for us. */
static HOT int fill_blocks(struct map_header *h, u32 lease, u64 n, const u8 *value)
{
	u8 *mine = own_value(h, n, lease), *at = map_at(h, h->data) + n * h->value_stride;

	if (!mine)
		return 0;
	for (u32 i = 0; i < h->nslots; i++, at += h->stride)
		for (u32 k = 0; load(&map_control(h)->owners[i]) && k < h->value_stride; k += 8)
			store8(at + k, 0);
	copy_in(mine, value, h->value_size);
	return 1;
}

/* What a node of these types has beside key and value. used: it replaces an entry. */
static HOT void fill_more(struct map_header *h, struct map_node *node, const u8 *given, int used)
{
	if (given)
		copy_in(node->key + (h->value_at - 8) / 2, given, h->key_size);
	else if (is_lru(h))
		store(map_ref(h, node), (u64)used);
}

/* The node has the tag of its name then. */
INLINE int fill(struct walk *w, u64 name, u32 next, const u8 *value, int used)
{
	u32 n = NODE(name) - 1;
	struct map_node *node = map_node(w->h, n);

	store(&node->link, (name & -TAG) | next);
	barrier();
	if (w->brief)
		store8(node->key, w->word);
	else
		copy_in(node->key, w->key, w->h->key_size);
	if (unlikely(w->h->type > TYPE_PERCPU_HASH))
		fill_more(w->h, node, w->given, used);
	if (w->h->nslots)
		return fill_blocks(w->h, w->lease, n, value);
	copy_in((u8 *)node + w->h->value_at, value, w->h->value_size);
	return 1;
}

/* ---- the three changes. What is in the record may have been spoilt. ---- */

#define FULL_COSTS 1024 /* of the budget */

/* For another entry there was no room, at a moment when nobody had inserted the key. */
INLINE int no_room(struct walk *w)
{
	if (w->h->type == TYPE_QUEUE || w->h->type == TYPE_STACK || load(w->head) == w->first)
		return FULL;
	w->budget = w->budget > FULL_COSTS ? w->budget - FULL_COSTS : 1;
	return AGAIN;
}

/* For which chain is said: map_steal.c. */
INLINE int take(struct walk *w)
{
	return unlikely(is_lru(w->h)) ? bpftime_lru_node(w->h, w->mine, w->lease) : take_free(w->h, w->mine);
}

INLINE int insert(struct walk *w, const u8 *value)
{
	int taken = 1;
	u64 hand;

	w->mine->bucket = (u32)(w->head - (u64 *)map_at(w->h, w->h->buckets));
	if (unlikely(w->mine->hand) && !bpftime_hand_renew(w->mine))
		bpftime_pool_give_back(w->h, w->mine);
	if (!w->mine->hand)
		taken = take(w);
	if (unlikely(taken != 1))
		return taken ? NO_NODE : no_room(w);
	hand = load(&w->mine->hand);
	if (unlikely(hand & MAP_HAND_SPARE)) /* stolen */
		return AGAIN;
	if (NODE(hand) - 1 >= w->h->nnodes || !fill(w, hand, NODE(w->first), value, 0))
		return NO_NODE;
	if (!cas(w->head, w->first, relinked(w->first, NODE(hand) - 1)))
		return AGAIN;
	store(&w->mine->hand, 0);
	return DONE;
}

INLINE int is_last(struct walk *w) { return NODE(w->next) >= w->h->nnodes; }

/* Freezes the node's own link, if something hangs on it, so that it names next. What
 * happens to the node from here on, our record names it. */
INLINE int freeze(struct walk *w, u32 next, u64 mark)
{
	store(&w->mine->victim, map_name(NODE(w->link), w->next + TAG));
	return is_last(w) || cas(&w->node->link, w->next, relinked(w->next, next) | mark);
}

/* The link that names the node → next; then the node is ours. */
INLINE int take_out(struct walk *w, u32 next) { return cas(w->at, w->link, relinked(w->link, next)); }

/* For nothing: somebody was faster. */
INLINE int again(struct walk *w)
{
	store(&w->mine->victim, 0);
	return AGAIN;
}

/* For nothing, and what names the node that was filled says another tag from here on. */
INLINE int again_anew(struct walk *w, u64 *field)
{
	store(field, *field + TAG);
	return again(w);
}

INLINE int replace(struct walk *w, const u8 *value)
{
	struct map_record *r = w->mine;
	int spare, ours;
	u64 *field, name;
	u32 n;

	if (unlikely(!r->hand && !r->spare))
		bpftime_pool_replacement(w->h, r);
	if (unlikely(r->hand) && bpftime_hand_lock(w->h, r) & MAP_HAND_SPARE) {
		bpftime_pool_give_back(w->h, r);
		return AGAIN;
	}
	spare = !r->hand;
	field = spare ? &r->spare : &r->hand;
	if (!spare) /* an insertion may have filled it */
		store(field, *field + TAG);
	name = *field;
	n = NODE(name) - 1;
	if (n >= w->h->nnodes)
		return NO_NODE;
	fill(w, name, NODE(w->next), value, 1);
	if (!freeze(w, n, spare ? MAP_LINK_REPLACED : MARKS))
		return again_anew(w, field);
	ours = take_out(w, n);
	if (!ours && is_last(w))
		return again_anew(w, field);
	if (spare)
		store(&r->spare, ours ? map_name(NODE(w->link), w->next + 2 * TAG) : 0);
	else if (ours)
		map_give(w->h, FREE, NODE(w->link));
	store(&r->victim, 0);
	if (!spare)
		store(&r->hand, 0);
	if (unlikely(!ours)) /* names victims of its own: so nothing of ours is in the record by now */
		bpftime_hash_sweep(w->h, w->key, w->lease);
	return DONE;
}

INLINE int discard(struct walk *w)
{
	if (!freeze(w, NODE(w->next), MAP_LINK_DELETED))
		return again(w);
	if (take_out(w, NODE(w->next)))
		map_give(w->h, FREE, NODE(w->link));
	else if (is_last(w))
		return again(w);
	else
		bpftime_hash_sweep(w->h, w->key, w->lease);
	store(&w->mine->victim, 0);
	return DONE;
}

/* ---- operations ---- */

/* In place: the value of a percpu_hash is the lease's own; 0: it has none. */
static HOT int overwrite(struct map_header *h, u64 own, const u8 *value)
{
	if (!own)
		return NO_NODE;
	copy_in((u8 *)own, value, h->value_size);
	return DONE;
}

static HOT u64 failure(struct map_header *h, struct map_record *mine, int e)
{
	if (mine->hand)
		bpftime_pool_give_back(h, mine);
	if (e == EBUSY_)
		map_count(&map_control(h)->busy);
	return error(e);
}

INLINE u64 finish(struct walk *w, int e)
{
	return likely(!e && !w->mine->hand) ? 0 : failure(w->h, w->mine, e);
}

/* What forbids an update; 0: nothing. */
INLINE int refusal(int found, u64 flags)
{
	if (found == EXHAUSTED)
		return EBUSY_;
	if (found == FOUND)
		return flags == BPF_NOEXIST ? EEXIST_ : 0;
	return flags == BPF_EXIST ? ENOENT_ : 0;
}

/* What there is no room for: kernel/bpf/hashtab.c, lpm_trie.c. */
static HOT int full_error(const struct map_header *h)
{
	if (h->type == TYPE_LPM_TRIE)
		return ENOSPC_;
	return is_lru(h) ? ENOMEM_ : E2BIG_;
}

INLINE u64 update(struct map_header *h, const u8 *key, const u8 *given, const u8 *value, u64 flags, u32 lease, int brief)
{
	struct walk w = begin(h, key, lease, brief);
	int r;

	if (flags > BPF_EXIST)
		return error(EINVAL_);
	w.given = given;
	do {
		int found = find(&w), e = refusal(found, flags);

		if (e)
			return finish(&w, e);
		if (found == ABSENT)
			r = insert(&w, value);
		else
			r = !h->nslots ? replace(&w, value) : overwrite(h, found_at(h, w.node, NODE(w.link), lease), value);
	} while (unlikely(r == AGAIN));
	if (likely(r == DONE))
		return finish(&w, 0);
	return finish(&w, r == FULL ? full_error(h) : EBUSY_);
}

HOT u64 bpftime_hash_update(struct map_header *h, const u8 *key, const u8 *value, u64 flags, u32 lease)
{
	if (h->nslots && (flags == BPF_ANY || flags == BPF_EXIST) && overwrite(h, bpftime_hash_lookup(h, key, lease), value) == DONE)
		return 0;
	return likely(is_brief(h)) ? update(h, key, 0, value, flags, lease, 1) : update(h, key, 0, value, flags, lease, 0);
}

HOT u64 bpftime_hash_update_as(struct map_header *h, const u8 *key, const u8 *given, const u8 *value, u64 flags, u32 lease)
{
	return update(h, key, given, value, flags, lease, 0);
}

INLINE u64 delete(struct map_header *h, const u8 *key, u32 lease, int brief)
{
	struct walk w = begin(h, key, lease, brief);

	do {
		int found = find(&w);

		if (found != FOUND)
			return finish(&w, found == ABSENT ? ENOENT_ : EBUSY_);
	} while (unlikely(discard(&w) == AGAIN));
	return 0;
}

HOT u64 bpftime_hash_delete(struct map_header *h, const u8 *key, u32 lease)
{
	return likely(is_brief(h)) ? delete(h, key, lease, 1) : delete(h, key, lease, 0);
}

/* ---- queues and stacks: map_queue.c ---- */

/* Copies the value where the walk stands; then it was there all the while, or AGAIN. */
INLINE int read_value(struct walk *w, u8 *to)
{
	copy_out(to, (const u8 *)w->node + w->h->value_at, w->h->value_size);
	return load(w->at) == w->link && load(&w->node->link) == w->next ? DONE : AGAIN;
}

INLINE int leave_with(struct walk *w, u8 *to, int removes)
{
	if (to && read_value(w, to) == AGAIN)
		return AGAIN;
	return removes ? discard(w) : DONE;
}

/* A walk to what its key is now. */
INLINE void aim(struct walk *w, u64 pos)
{
	w->word = pos;
	w->head = map_head(w->h, mix(w->h->seed ^ pos, GOLDEN));
}

/* Its keys have 8 bytes. */
INLINE struct walk begin_at(struct map_header *h, const u64 *key, u32 lease)
{
	struct walk w = {.h = h, .mine = map_record(h, lease), .key = (const u8 *)key, .lease = lease, .budget = BUDGET, .brief = 1};

	aim(&w, *key);
	be_ready(h, w.mine, lease);
	return w;
}

HOT u64 bpftime_queue_push(struct map_header *h, const u8 *value, u32 lease)
{
	u64 *pushed = &map_control(h)->pushed, pos = load(pushed);
	struct walk w = begin_at(h, &pos, lease);
	int r = AGAIN;

	while (r == AGAIN) {
		int found;

		pos = load(pushed);
		aim(&w, pos);
		found = find(&w);
		if (found == EXHAUSTED)
			return finish(&w, EBUSY_);
		if (found == FOUND)
			cas(pushed, pos, pos + 1);
		else if (load(pushed) == pos)
			r = insert(&w, value);
	}
	if (r != DONE)
		return finish(&w, r == FULL ? E2BIG_ : EBUSY_);
	cas(pushed, pos, pos + 1);
	return finish(&w, 0);
}

INLINE u64 queue_first(struct map_header *h, u8 *to, u32 lease, int removes)
{
	u64 *pushed = &map_control(h)->pushed, *popped = &map_control(h)->popped;
	u64 pos = load(popped);
	struct walk w = begin_at(h, &pos, lease);

	for (;;) {
		u64 end;
		int found;

		pos = load(popped);
		end = load(pushed);
		aim(&w, pos);
		found = find(&w);
		if (found == EXHAUSTED)
			return finish(&w, EBUSY_);
		if (found == FOUND && end == pos)
			cas(pushed, pos, pos + 1);
		if (found == FOUND && leave_with(&w, to, removes) == DONE) {
			if (removes)
				cas(popped, pos, pos + 1);
			return 0;
		}
		if (found == ABSENT && end != pos)
			cas(popped, pos, pos + 1);
		else if (found == ABSENT && load(popped) == pos)
			return error(ENOENT_);
	}
}

HOT u64 bpftime_queue_pop(struct map_header *h, u8 *to, u32 lease) { return queue_first(h, to, lease, 1); }

HOT u64 bpftime_queue_peek(struct map_header *h, u8 *to, u32 lease) { return queue_first(h, to, lease, 0); }

HOT u64 bpftime_stack_push(struct map_header *h, const u8 *value, u32 lease)
{
	u64 key = 0;
	struct walk w = begin_at(h, &key, lease);
	int r;

	do {
		from_head(&w);
		r = insert(&w, value);
	} while (r == AGAIN && w.budget--);
	if (r == DONE)
		return finish(&w, 0);
	return finish(&w, r == FULL ? E2BIG_ : EBUSY_);
}

INLINE u64 stack_end(struct map_header *h, u8 *to, u32 lease, int removes, int oldest)
{
	u64 key = 0;
	struct walk w = begin_at(h, &key, lease);
	int found;

	do {
		found = find_either(&w, oldest);
		if (found != FOUND)
			return finish(&w, found == ABSENT ? ENOENT_ : EBUSY_);
	} while (leave_with(&w, to, removes) == AGAIN);
	return 0;
}

HOT u64 bpftime_stack_pop(struct map_header *h, u8 *to, u32 lease) { return stack_end(h, to, lease, 1, 0); }

HOT u64 bpftime_stack_peek(struct map_header *h, u8 *to, u32 lease) { return stack_end(h, to, lease, 0, 0); }

HOT u64 bpftime_stack_drop(struct map_header *h, u32 lease) { return stack_end(h, 0, lease, 1, 1); }
