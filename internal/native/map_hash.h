/* What map_hash.c, map_lost.c, map_lru.c and map_lpm.c share: see the top of map_hash.c. */
#ifndef BPFTIME_MAP_HASH_H
#define BPFTIME_MAP_HASH_H

#include "map.h"

struct map_node { /* a link, the key, the key as it was given (lpm_trie), the value (not of per-CPU types), REF (LRU types); each padded to 8 bytes */
	u64 link;
	u8 key[];
};

#define MARKS (MAP_LINK_DELETED | MAP_LINK_REPLACED)
#define NODE(link) ((u32)(link))

enum pool { FREE, SPARES };

INLINE u64 mix(u64 a, u64 b)
{
	unsigned __int128 r = (unsigned __int128)a * b;

	return (u64)r ^ (u64)(r >> 64);
}

#define GOLDEN 0x9e3779b97f4a7c15u

INLINE u64 map_hash(const struct map_header *h, const u8 *key)
{
	u64 v = h->seed, n = h->key_size;

	for (; n > 8; n -= 8, key += 8)
		v = mix(v ^ load8(key), GOLDEN);
	return mix(v ^ load_tail(key, n), GOLDEN);
}

INLINE u64 *map_head(struct map_header *h, u64 hash) { return (u64 *)map_at(h, h->buckets) + (hash & h->bucket_mask); }
INLINE struct map_record *map_record(struct map_header *h, u32 lease) { return (struct map_record *)map_at(h, h->records) + lease; }

/* n < nnodes. */
INLINE struct map_node *map_node(struct map_header *h, u64 n) { return (struct map_node *)map_at(h, h->nodes + n * h->node_stride); }

/* The link, changed to name another node: a new tag, no mark. */
INLINE u64 relinked(u64 link, u32 n) { return (link >> MAP_LINK_TAG << MAP_LINK_TAG) + (1ul << MAP_LINK_TAG) + n; }

INLINE u32 map_words(const struct map_header *h) { return (h->nnodes + MAP_POOL_NODES - 1) / MAP_POOL_NODES; }
INLINE u64 *map_pool(struct map_header *h, enum pool p) { return (u64 *)map_at(h, h->free) + p * (u64)map_words(h); }

/* Behind the pools: names of nodes of which it could not be told whose they are. */
INLINE u64 *map_limbo(struct map_header *h) { return map_pool(h, FREE) + 2 * (u64)map_words(h); }

INLINE u64 map_bit(u64 n) { return 1ul << n % MAP_POOL_NODES; }
/* The first node of a word of a pool, the at-th one; nnodes or more: there is none. */
INLINE u32 map_first(u64 at, u64 word) { return (u32)word ? (u32)at * MAP_POOL_NODES + (u32)__builtin_ctz((u32)word) : 1u << 31; }

/* Counts it, so that who takes a node of the word knows that it was there all the while. */
INLINE void map_give(struct map_header *h, enum pool p, u64 n)
{
	u64 *at = &map_pool(h, p)[n / MAP_POOL_NODES], word;

	do
		word = load(at);
	while (!cas(at, word, (word | map_bit(n)) + (1ul << MAP_POOL_NODES)));
	if (p == FREE && is_lru(h))
		map_count(&map_control(h)->freed);
}

/* The last word of a node of an LRU type: how often was it used since the clock came
 * by, and how often may the clock pass it then? */
#define MOST_REF 3
INLINE u64 *map_ref(struct map_header *h, struct map_node *node) { return (u64 *)((u8 *)node + h->node_stride) - 1; }

/* Where the node goes that was marked so. */
INLINE enum pool pool_of(u64 link) { return (link & MARKS) == MAP_LINK_REPLACED ? SPARES : FREE; }

/* A *name* is what a record says of a node: its number + 1, what a hand holds it for, and
 * a tag, as links have one. Of several names of a node the latest is right: map_lost.c. */
#define TAG (1ul << MAP_LINK_TAG)
INLINE u64 map_name(u64 n, u64 tags) { return (n + 1) | (tags & -TAG); }
INLINE u32 tag_of(u64 word) { return (u32)(word >> MAP_LINK_TAG); }
/* How much later is tag a than b? */
INLINE int tag_since(u32 a, u32 b) { return (int)((a - b) << 2) / 4; }

#define KIND (MAP_HAND_SPARE | MAP_HAND_LOCKED)
#define STOLEN KIND

/* A node that we took out of its chain comes into the hand, by a name later than any that
 * it had. The chain it is for is known. */
INLINE void map_hold(struct map_header *h, struct map_record *mine, u64 kind, u64 n)
{
	u64 name = map_name(n, load(&map_node(h, n)->link) + 2 * TAG) | kind;

	mine->turn++;
	store(&mine->hand, name);
}

/* Node n of a word of a pool comes into the hand. The tag is read before the word is
 * found as it was: so no name is later than those of who had the node meanwhile. */
INLINE int map_take(struct map_header *h, struct map_record *mine, u64 kind, u64 n, u64 *at, u64 word)
{
	u64 name = map_name(n, load(&map_node(h, n)->link) + 2 * TAG) | kind;

	if (unlikely(load(at) != word))
		return 0;
	mine->turn++;
	store(&mine->hand, name);
	return cas(at, word, word & ~map_bit(n));
}

INLINE u32 lease_of(struct map_header *h, struct map_record *mine) { return (u32)(mine - map_record(h, 0)); }

#define BUDGET (1u << 16) /* steps of a walk, and tries */

/* A node comes into the hand that mine is: a free one; one for replacing, which may be
 * the spare instead. Then its bit is gone. 0: there is none; -1: it is not known. */
HIDDEN int bpftime_pool_search(struct map_header *h, struct map_record *mine);
HIDDEN void bpftime_pool_replacement(struct map_header *h, struct map_record *mine);
/* Nodes in doubt of which it can be told by now go to their pools. Nothing is in hand. */
HIDDEN void bpftime_pool_sweep(struct map_header *h, struct map_record *mine);
HIDDEN void bpftime_pool_give_back(struct map_header *h, struct map_record *mine);

/* Is the node alone the record's, that says so by this name? */
enum whose { NOT_OURS, UNSURE, OURS };
HIDDEN enum whose bpftime_whose(struct map_header *h, u32 lease, u64 name);
HIDDEN int bpftime_is_doubted(struct map_header *h, u64 name);
HIDDEN u64 bpftime_tag_of_name(struct map_header *h, u64 name);

/* map_steal.c */
HIDDEN int bpftime_hand_renew(struct map_record *mine);
HIDDEN u64 bpftime_hand_lock(struct map_header *h, struct map_record *mine);
HIDDEN int bpftime_hand_steal(struct map_header *h, struct map_record *mine);
HIDDEN void bpftime_hand_settle(struct map_header *h, struct map_record *mine);
HIDDEN void bpftime_hand_known(struct map_header *h, struct map_record *mine);

HIDDEN int bpftime_pool_take_spare(struct map_header *h, struct map_record *mine);
HIDDEN int bpftime_pool_take(struct map_header *h, struct map_record *mine);
HIDDEN void bpftime_pool_reclaim(struct map_header *h);

/* A node for an entry of an LRU type comes into the hand, if need be another entry's. */
HIDDEN int bpftime_lru_node(struct map_header *h, struct map_record *mine, u32 lease);

/* bpftime_hash_update for a key that is stored beside another form of it, given. */
HIDDEN u64 bpftime_hash_update_as(struct map_header *h, const u8 *key, const u8 *given, const u8 *value, u64 flags, u32 lease);

HIDDEN void bpftime_hash_recover(struct map_header *h, u32 lease);
HIDDEN void bpftime_hash_sweep(struct map_header *h, const u8 *key, u32 lease);

#endif
