/* array_of_maps and hash_of_maps: an entry is the identity of a map, which maps/refer.go
 * makes of its file's name; a lookup says where this process has it mapped. One that it
 * has not, or whose definition is another than the outer map's header tells of its inner
 * ones, is no entry, and a miss: the program was verified with that definition.
 *
 * The table is written by the applier, before the code that looks things up can run. A
 * slot's identity never changes; where a map was, and is no more, there is 0.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map.h"

#define KNOWN 1024

static struct {
	u64 id, base;
} known[KNOWN];

/* FNV-1a of what follows the last slash. */
static u64 identity_of(const char *path)
{
	u64 hash = 0xcbf29ce484222325u;

	for (const char *p = path; *p; p++)
		hash = *p == '/' ? 0xcbf29ce484222325u : (hash ^ (u8)*p) * 0x100000001b3u;
	return hash ? hash : 1;
}

int bpftime_map_known(const char *path, u64 base)
{
	u64 id = identity_of(path);

	for (u32 i = 0, n = (u32)id % KNOWN; i < KNOWN; i++, n = (n + 1) % KNOWN) {
		if (load(&known[n].id) && load(&known[n].id) != id)
			continue;
		store(&known[n].base, base);
		store(&known[n].id, id);
		return 1;
	}
	return 0;
}

static HOT u64 base_of(u64 id)
{
	for (u32 i = 0, n = (u32)id % KNOWN; i < KNOWN; i++, n = (n + 1) % KNOWN) {
		u64 at = load(&known[n].id);

		if (at == id)
			return load(&known[n].base);
		if (!at)
			return 0;
	}
	return 0;
}

/* Only arrays have to be as long, since programs know how long they are. */
static HOT int is_alike(const struct map_header *outer, const struct map_header *h)
{
	return h->type == outer->inner_type && h->key_size == outer->inner_key_size && h->value_size == outer->inner_value_size &&
	       h->flags == outer->inner_flags && (!outer->inner_max_entries || h->max_entries == outer->inner_max_entries);
}

HOT u64 bpftime_map_referred(struct map_header *outer, const u64 *entry)
{
	u64 id = entry ? load(entry) : 0, base;

	if (!id)
		return 0;
	base = base_of(id);
	if (base && is_alike(outer, (const struct map_header *)base))
		return base;
	map_count(&map_control(outer)->misses);
	return 0;
}
