/* prog_array: an entry is the identity of a program, which maps/refer.go makes of its
 * name; where its code is, the process's own table says, which came with the plan. An
 * entry is one word, so nobody can leave a half of one. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map.h"

static HOT u64 program_of(const struct program_table *t, u64 id)
{
	for (u64 n = id;; n++) {
		u64 slot = n & t->mask;

		if (t->slots[slot].id == id)
			return t->slots[slot].code;
		if (!t->slots[slot].id)
			return 0;
	}
}

HOT u64 bpftime_tail_call(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r2;
	u64 id, code;

	if (h->type != TYPE_PROG_ARRAY || (u32)r3 >= h->max_entries)
		return 0;
	id = load((u64 *)map_at(h, h->data) + (u32)r3);
	if (!id)
		return 0;
	code = program_of((const struct program_table *)r4, id);
	if (!code)
		map_count(&map_control(h)->misses);
	return code;
}
