/* lpm_trie: the entry whose prefix is the longest of those that match a key.
 *
 * A key is the length of a prefix in bits, then data, of which the first byte's highest
 * bit comes first. The entries are those of a hash (map_hash.c): its key has what is
 * behind the prefix cleared, so that equal prefixes are equal keys; the key as it was
 * given stands behind it in the node, for those who list the map. An entry is so changed
 * as a whole, and what holds of a hash holds here.
 *
 * A lookup asks for each length from the key's downwards that any prefix ever had:
 * `lengths` in the control page, a bit for each, set before the first entry of the
 * length is inserted and never cleared. Each step is exact, but they are steps: an
 * entry that comes behind one may be missed, as in the kernel, which goes from short
 * to long without a lock.
 *
 * Results are the kernel's (kernel/bpf/lpm_trie.c).
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map_hash.h"

#define MOST_KEY 260
#define NONE 0xffffffffu

struct prefix {
	u8 key[(MOST_KEY + 7) & ~7];
};

INLINE u32 length_of(const u8 *key)
{
	u32 v;

	__builtin_memcpy(&v, key, 4);
	return v;
}

INLINE u32 longest(const struct map_header *h) { return (h->key_size - 4) * 8; }

/* The data bytes that a prefix of n bits is in. */
INLINE u32 bytes_of(u32 n) { return (n + 7) / 8; }

/* Makes the prefix n bits long, that is `from` bits long and clear behind them. */
static HOT void shorten(struct prefix *p, u32 from, u32 n)
{
	u8 *data = p->key + 4;

	__builtin_memcpy(p->key, &n, 4);
	for (u32 i = bytes_of(n); i < bytes_of(from); i++)
		data[i] = 0;
	if (n % 8)
		data[n / 8] &= (u8)(0xff00 >> n % 8);
}

/* Of a key whose length is not too large; what is behind it is clear up to 8 bytes. */
static HOT void take_prefix(struct prefix *p, const struct map_header *h, const u8 *key)
{
	u32 n = length_of(key);

	copy_in(p->key, key, h->key_size);
	shorten(p, longest(h), n);
}

/* The longest length up to n that there is; NONE. */
static HOT u32 next_length(struct map_header *h, u32 n)
{
	u64 *words = map_control(h)->lengths, mask = ~0ul >> (63 - n % 64);

	for (u32 at = n / 64; at != NONE; at--, mask = ~0ul) {
		u64 word = load(&words[at]) & mask;

		if (word)
			return at * 64 + 63 - (u32)__builtin_clzl(word);
	}
	return NONE;
}

/* Keys of 8 bytes, IPv4's: a prefix is a word. */
INLINE u64 lookup_word(struct map_header *h, const u8 *key, u32 lease)
{
	u64 data = load8(key) >> 32, at = 0;

	for (u32 n = next_length(h, length_of(key)); n != NONE && !at; n = n ? next_length(h, n - 1) : NONE) {
		u32 mask = n ? __builtin_bswap32(~0u << (32 - n)) : 0;
		u64 word = n | (data & mask) << 32;

		at = bpftime_hash_lookup(h, (const u8 *)&word, lease);
	}
	return at;
}

static HOT u64 lookup_long(struct map_header *h, const u8 *key, u32 lease)
{
	struct prefix p;
	u32 n = length_of(key), next;
	u64 at = 0;

	take_prefix(&p, h, key);
	for (next = next_length(h, n); next != NONE && !at; next = n ? next_length(h, n - 1) : NONE) {
		shorten(&p, n, next);
		n = next;
		at = bpftime_hash_lookup(h, p.key, lease);
	}
	return at;
}

HOT u64 bpftime_lpm_lookup(struct map_header *h, const u8 *key, u32 lease)
{
	if (length_of(key) > longest(h))
		return 0;
	return h->key_size == 8 ? lookup_word(h, key, lease) : lookup_long(h, key, lease);
}

HOT u64 bpftime_lpm_update(struct map_header *h, const u8 *key, const u8 *value, u64 flags, u32 lease)
{
	u32 n = length_of(key);
	struct prefix p;
	u64 *word;

	if (flags > BPF_EXIST || n > longest(h))
		return error(EINVAL_);
	take_prefix(&p, h, key);
	word = &map_control(h)->lengths[n / 64];
	if (!(load(word) >> n % 64 & 1))
		__atomic_fetch_or(word, 1ul << n % 64, __ATOMIC_ACQ_REL);
	return bpftime_hash_update_as(h, p.key, key, value, flags, lease);
}

HOT u64 bpftime_lpm_delete(struct map_header *h, const u8 *key, u32 lease)
{
	struct prefix p;

	if (length_of(key) > longest(h))
		return error(EINVAL_);
	take_prefix(&p, h, key);
	return bpftime_hash_delete(h, p.key, lease);
}
