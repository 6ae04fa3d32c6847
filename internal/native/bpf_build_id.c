/* Whose an address is: the module, by what plans know of it (preload/stacks.c), and what
 * of its file, by build-id and offset (struct bpf_stack_build_id).
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "map.h"

/* Those that came after the start: in no order, since walks go on meanwhile. */
static HOT const struct bpftime_module *late_module_of(u64 addr)
{
	const struct bpftime_module *m = bpftime_resident.modules + UNWIND_MODULES;

	for (u32 n = load(&bpftime_resident.nlate); n--; m++)
		if (load(&m->nrows) && addr >= m->lo && addr < m->hi)
			return m;
	return 0;
}

HOT const struct bpftime_module *bpftime_module_of(u64 addr)
{
	const struct bpftime_module *m = bpftime_resident.modules;
	u32 lo = 0, hi = bpftime_resident.nmodules;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (addr < m[mid].lo)
			hi = mid;
		else if (addr >= m[mid].hi)
			lo = mid + 1;
		else if (load(&m[mid].nrows))
			return &m[mid];
		else
			break;
	}
	return late_module_of(addr);
}

/* Where code of a module lies, from its load base, and what makes an offset of it. */
struct text {
	u32 from, to;
	u64 delta;
};
_Static_assert(UNWIND_TEXTS + UNWIND_NTEXTS * sizeof(struct text) <= MAP_DATA_OFF, "abi.h");

static HOT const struct text *text_at(const u8 *header, u64 at)
{
	const struct text *t = (const struct text *)(header + UNWIND_TEXTS);

	for (u32 i = 0; i < UNWIND_NTEXTS; i++)
		if (at >= t[i].from && at < t[i].to)
			return &t[i];
	return 0;
}

/* The rows of a table begin behind its header. */
HOT void bpftime_describe(u64 ip, u64 entry[4])
{
	const struct bpftime_module *m = bpftime_module_of(ip);
	const u8 *header = m ? (const u8 *)m->rows - MAP_DATA_OFF : 0;
	const struct text *t = m ? text_at(header, ip - m->base) : 0;
	u64 id[3] = {0, 0, 0}; /* 20 bytes of it, behind the status */

	if (t)
		__builtin_memcpy((u8 *)id, header + UNWIND_BUILD_ID, 20);
	if (!(id[0] | id[1] | id[2])) {
		entry[0] = BUILD_ID_IP;
		entry[1] = entry[2] = 0;
		entry[3] = ip;
		return;
	}
	entry[0] = BUILD_ID_VALID | id[0] << 32;
	entry[1] = id[0] >> 32 | id[1] << 32;
	entry[2] = id[1] >> 32 | id[2] << 32;
	entry[3] = ip - m->base + t->delta;
}
