/* Nothing of a plan is used before it was checked: it comes from a process that
 * may have been killed, or from a file. What is checked here is the shape; what
 * the host looks like (bytes at the sites, reach of a jump) is for the applier.
 */
#include "agent.h"

#define MAX_COUNT (1u << 20)

struct view {
	const u8 *base;
	u64 size;
	const struct plan *plan;
};

/* Is there an aligned table of count records of size bytes each at off? */
static int table(const struct view *v, u32 off, u32 count, u64 size)
{
	return !(off & 7) && count <= MAX_COUNT && off >= PLAN_HDR_SIZE && off <= v->size && count * size <= v->size - off;
}

static int bytes(const struct view *v, u32 off, u32 size)
{
	return off <= v->size && size <= v->size - off;
}

/* Strings end inside their section, because the section ends with NUL. */
static int string(const struct view *v, u32 off)
{
	return off < v->plan->strings_size;
}

static int reloc_ok(const struct view *v, const struct plan_unit *u, const struct plan_reloc *r)
{
	u32 kind = r->what & 0xff, sym = r->what >> 8, width = kind == RELOC_MODULE_REL32 || kind == RELOC_LINK_COUNTER32 ? 4 : 8;

	if (r->at > u->code_size || u->code_size - r->at < width)
		return 0;
	switch (kind) {
	case RELOC_MODULE_REL32:
	case RELOC_MODULE_ABS64:
		return 1;
	case RELOC_ARENA_ABS64:
		return r->addend >= 0 && (u64)r->addend < u->code_size;
	case RELOC_HELPER_ABS64:
		return sym < HELPER_COUNT;
	case RELOC_MAP_ABS64:
		return sym < v->plan->nmaps && r->addend >= 0 &&
		       (u64)r->addend < ((const struct plan_map *)(v->base + v->plan->maps))[sym].size;
	case RELOC_LINK_COUNTER32:
		return sym < v->plan->nlinks;
	}
	return 0;
}

static int patch_ok(const struct plan_unit *u, const struct plan_patch *p)
{
	return p->len && p->len <= sizeof p->text && (p->rel_at == PATCH_NO_REL || p->rel_at + 4u <= p->len) && p->stub < u->code_size &&
	       p->vaddr >= u->text_lo && p->vaddr < u->text_hi && u->text_hi - p->vaddr >= p->len;
}

static int semaphores_ok(const struct view *v, const struct plan_unit *u)
{
	const struct plan_semaphore *s = (const struct plan_semaphore *)(v->base + u->semaphores);

	for (u32 i = 0; i < u->nsemaphores; i++)
		if (s[i].vaddr & 1)
			return 0;
	return 1;
}

/* Each in a page of its own, no further than a jump goes from text that may be as far from the start. */
static int outposts_ok(const struct view *v, const struct plan_unit *u)
{
	const struct plan_outpost *o = (const struct plan_outpost *)(v->base + u->outposts);

	if (u->noutposts > UNIT_OUTPOSTS)
		return 0;
	for (u32 i = 0; i < u->noutposts; i++) {
		if (o[i].stub >= u->code_size || (o[i].vaddr & (PAGE - 1)) > PAGE - OUTPOST_SIZE || o[i].vaddr - u->load_base + (1ul << 32) >= 1ul << 33)
			return 0;
		for (u32 k = 0; k < i; k++)
			if (page_down(o[k].vaddr) == page_down(o[i].vaddr))
				return 0;
	}
	return 1;
}

static const char *unit_check(const struct view *v, const struct plan_unit *u)
{
	const struct plan_reloc *r = (const struct plan_reloc *)(v->base + u->relocs);
	const struct plan_patch *p = (const struct plan_patch *)(v->base + u->patches);

	if (u->build_id_len > sizeof u->build_id || !string(v, u->path) || (u->load_base & (PAGE - 1)))
		return "a unit names no module";
	if (u->text_lo >= u->text_hi || u->text_hi - u->text_lo > 1u << 31)
		return "a unit has no text";
	if (!u->code_size || !bytes(v, u->code, u->code_size) || (u->code & 15))
		return "code lies outside";
	if (u->came && ((u->came & 7) || (u64)u->came + RUN_SIZE + 8 > u->code_size))
		return "a list of programs lies outside";
	if (u->dispatch && ((u->dispatch & 7) || (u64)u->dispatch + CALL_SITE_SIZE > u->code_size))
		return "the site of dispatched calls lies outside";
	if (!table(v, u->relocs, u->nrelocs, sizeof *r) || !table(v, u->patches, u->npatches, sizeof *p) ||
	    !table(v, u->semaphores, u->nsemaphores, sizeof(struct plan_semaphore)) ||
	    !table(v, u->outposts, u->noutposts, sizeof(struct plan_outpost)))
		return "a table of a unit lies outside";
	for (u32 i = 0; i < u->nrelocs; i++)
		if (!reloc_ok(v, u, &r[i]))
			return "a relocation is out of bounds";
	for (u32 i = 0; i < u->npatches; i++)
		if (!patch_ok(u, &p[i]))
			return "a patch is out of bounds";
	if (!semaphores_ok(v, u))
		return "a semaphore is not aligned";
	return outposts_ok(v, u) ? 0 : "an outpost is out of bounds";
}

static const char *tables_check(const struct view *v)
{
	const struct plan *p = v->plan;

	if (!table(v, p->units, p->nunits, sizeof(struct plan_unit)) || !table(v, p->links, p->nlinks, sizeof(struct plan_link)) ||
	    !table(v, p->maps, p->nmaps, sizeof(struct plan_map)) || !table(v, p->wants, p->nwants, sizeof(struct plan_want)))
		return "a table lies outside";
	if (!p->strings_size || !bytes(v, p->strings, p->strings_size) || v->base[p->strings + p->strings_size - 1])
		return "the strings do not end";
	return 0;
}

static const char *names_check(const struct view *v)
{
	const struct plan *p = v->plan;
	const struct plan_link *link = (const struct plan_link *)(v->base + p->links);
	const struct plan_map *map = (const struct plan_map *)(v->base + p->maps);
	const struct plan_want *want = (const struct plan_want *)(v->base + p->wants);

	for (u32 i = 0; i < p->nlinks; i++)
		if (!string(v, link[i].name) || !string(v, link[i].why))
			return "a link has no name";
	for (u32 i = 0; i < p->nmaps; i++)
		if (!string(v, map[i].path) || map[i].size < MAP_DATA_OFF || map[i].size > 1ul << 40)
			return "a map has no path or size";
	for (u32 i = 0; i < p->nwants; i++)
		if (!string(v, want[i].path))
			return "a wish has no path";
	return 0;
}

/* 0: the plan may be used. Else what is wrong with it. */
const char *plan_check(const u8 *base, u64 size)
{
	struct view v = {base, size, (const struct plan *)base};
	const char *why;

	if (size < PLAN_HDR_SIZE || v.plan->magic != PLAN_MAGIC)
		return "it is no plan";
	if (v.plan->version != PLAN_VERSION)
		return "it has another version";
	if (v.plan->size != size)
		return "it is not as long as it says";
	why = tables_check(&v);
	if (!why)
		why = names_check(&v);
	for (u32 i = 0; !why && i < v.plan->nunits; i++)
		why = unit_check(&v, (const struct plan_unit *)(base + v.plan->units) + i);
	return why;
}
