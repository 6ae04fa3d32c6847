/* The applier: a checked plan becomes mappings and patches in this process, whole
 * or not at all (law 8).
 *
 *   links    every link of the plan gets its slot in the session
 *   find     the modules of the units; the pages that punned jumps lead to are taken
 *   maps     every map file is mapped
 *   prepare  for each unit whose module is here: compare the bytes at the sites,
 *            map an arena near, copy the code, relocate it, make it r-x
 *   commit   write all sites, add to semaphores; if a site cannot be written,
 *            write the others back
 *
 * Units whose module is not here wait for late.c. A unit is applied to every module
 * of its file: the same file may be loaded into several namespaces (dlmopen), each
 * time into fresh memory. `placed` remembers where.
 *
 * A failure has one reason. It is kept, and told by who asked for the plan.
 */
#include "agent.h"
#include "native.h"

#define MAX_PLANS 64 /* one, and one for each module that a fresh compiler was asked about */
#define MAX_PLACED 512
#define MAX_FOUND 256

struct placed { /* a unit that is in the process */
	const struct plan *plan;
	const struct plan_unit *unit;
	struct module module;
	u64 arena;
	int stays; /* a site could not be restored */
};

static struct placed placed[MAX_PLACED];
static u32 nplaced;

struct resident { /* a plan whose late units may still be wanted */
	const struct plan *plan;
	struct session_link **links;
	u64 *maps;
};
static struct resident plans[MAX_PLANS];
static u32 nplans;

static const char *name(const struct plan *p, u32 off) { return (const char *)p + p->strings + off; }
static const struct plan_unit *unit_of(const struct plan *p, u32 i) { return (const struct plan_unit *)((const u8 *)p + p->units) + i; }
static const struct plan_patch *patch_of(const struct plan *p, const struct plan_unit *u, u32 i) { return (const struct plan_patch *)((const u8 *)p + u->patches) + i; }
static u64 arena_size(const struct plan_unit *u) { return page_up((u64)u->code_size); }

static struct text refusal = {.max = sizeof refusal.s};

const char *plan_refusal(void) { return refusal.s; }

static int refuse(struct text *why)
{
	refusal.n = 0;
	put(&refusal, why->s);
	return 0;
}

/* ---- links and maps ---- */

/* Whoever claims a link has its name in it within microseconds. */
static void await_claim(u32 *state)
{
	for (u32 spin = 0; spin < 1000; spin++) {
		if ((__atomic_load_n(state, __ATOMIC_ACQUIRE) & SLOT_STATE) != SLOT_CLAIMED)
			return;
		__builtin_ia32_pause();
	}
	if (slot_claim_abandoned(state))
		__atomic_store_n(state, SLOT_FREE, __ATOMIC_RELEASE);
}

/* The slot of that name, or a free one. Two processes that start together may
 * both claim one; the name is written before the state says LIVE. */
static struct session_link *link_slot(const char *want, u32 kind)
{
	struct session_link *l = bpftime_resident.session->links;

	for (u32 i = 0; i < SESSION_NLINKS; i++, l++) {
		await_claim(&l->state);
		if (l->state == SLOT_LIVE && l->kind == kind && str_eq(l->name, want))
			return l;
		if (!slot_claim(&l->state))
			continue;
		l->kind = kind;
		str_copy(l->name, sizeof l->name, want);
		__atomic_store_n(&l->state, SLOT_LIVE, __ATOMIC_RELEASE);
		return l;
	}
	return 0;
}

/* A reason that the link does not show yet is also told in the log: once, not in
 * every process. */
static void refused(struct session_link *l, const char *why, u32 sites)
{
	char cut[LINK_WHY_SIZE];
	TEXT(t);

	__atomic_fetch_add(&l->refused, sites, __ATOMIC_RELAXED);
	str_copy(cut, sizeof cut, why);
	if (str_eq(l->why, cut))
		return;
	str_copy(l->why, sizeof l->why, why);
	log_line(LEVEL_WARN, put(put(put(&t, l->name), ": "), why)->s);
}

static int take_links(struct resident *r)
{
	const struct plan_link *link = (const struct plan_link *)((const u8 *)r->plan + r->plan->links);
	TEXT(t);

	for (u32 i = 0; i < r->plan->nlinks; i++) {
		r->links[i] = link_slot(name(r->plan, link[i].name), link[i].kind);
		if (!r->links[i])
			return refuse(put(put_dec(put(&t, "the session's "), SESSION_NLINKS), " links are all taken: use another session"));
		__atomic_fetch_or(&r->links[i]->tactic, link[i].tactic, __ATOMIC_RELAXED);
		if (link[i].refused)
			refused(r->links[i], name(r->plan, link[i].why), link[i].refused);
	}
	return 1;
}

/* Where an earlier plan has mapped the file: a process that has dropped its
 * privileges since could not open it again. */
static u64 mapped_before(const char *path, u64 size)
{
	for (u32 i = 0; i < nplans; i++) {
		const struct plan *p = plans[i].plan;
		const struct plan_map *map = (const struct plan_map *)((const u8 *)p + p->maps);

		for (u32 k = 0; k < p->nmaps; k++)
			if (map[k].size == size && str_eq(name(p, map[k].path), path))
				return plans[i].maps[k];
	}
	return 0;
}

static int take_maps(struct resident *r)
{
	const struct plan_map *map = (const struct plan_map *)((const u8 *)r->plan + r->plan->maps);
	TEXT(t);

	for (u32 i = 0; i < r->plan->nmaps; i++) {
		long at = (long)mapped_before(name(r->plan, map[i].path), map[i].size);

		if (!at)
			at = map_file(name(r->plan, map[i].path), map[i].size, &t);
		if (failed(at))
			return refuse(&t);
		r->maps[i] = (u64)at;
	}
	return 1;
}

static void drop_maps(const struct resident *r)
{
	const struct plan_map *map = (const struct plan_map *)((const u8 *)r->plan + r->plan->maps);

	for (u32 i = 0; i < r->plan->nmaps; i++)
		if (r->maps[i] && r->maps[i] != mapped_before(name(r->plan, map[i].path), map[i].size))
			sys_munmap(r->maps[i], map_file_span(r->maps[i], map[i].size));
}

/* For programs that are called for ever after, though their plan failed. */
static void keep_maps(const struct resident *r)
{
	for (u32 i = 0; i < r->plan->nmaps; i++)
		r->maps[i] = 0;
}

/* ---- a unit: prepare ---- */

static int fits(s64 v) { return v == (s64)(int32_t)v; }

static int relocate(const struct resident *res, const struct placed *u, const struct plan_reloc *r)
{
	u32 kind = r->what & 0xff, sym = r->what >> 8;
	u8 *at = (u8 *)u->arena + r->at;
	u64 v = (u64)r->addend;

	switch (kind) {
	case RELOC_MODULE_REL32:
		v += u->module.bias - ((u64)at + 4);
		if (!fits((s64)v))
			return 0;
		break;
	case RELOC_MODULE_ABS64:
		v += u->module.bias;
		break;
	case RELOC_ARENA_ABS64:
		v += u->arena;
		break;
	case RELOC_HELPER_ABS64:
		v = bpftime_helper(sym);
		if (!v)
			return 0;
		break;
	case RELOC_MAP_ABS64:
		v += res->maps[sym];
		break;
	case RELOC_LINK_COUNTER32:
		v = (u64)(res->links[sym] - bpftime_resident.session->links) * 8;
		break;
	}
	mem_copy(at, &v, kind == RELOC_MODULE_REL32 || kind == RELOC_LINK_COUNTER32 ? 4 : 8);
	return 1;
}

/* "libc.so.6+0x8f3a0" */
static struct text *put_site(struct text *t, const struct placed *u, u64 vaddr)
{
	return put_hex(put(put(t, name(u->plan, u->unit->path)), "+"), vaddr);
}

static int refuse_maps(void)
{
	TEXT(t);

	return refuse(put_error(put(&t, "/proc/self/maps cannot be read"), maps_error));
}

/* Where the walk for all sites has not found text, the page is looked at alone. */
static int site_ok(const struct placed *u, const struct plan_patch *p, const struct texts *texts)
{
	static struct vma v;
	u64 at = u->module.bias + p->vaddr;
	TEXT(t);

	if (!texts_hold(texts, at, at + p->len) && (!text_page(at, &u->module, &v) || !text_page(at + p->len - 1, &u->module, &v)))
		return maps_error ? refuse_maps() : refuse(put(put(put(put_site(&t, u, p->vaddr), ": the page is "), v.perms), ", not the file's own private r-x text"));
	if (!mem_eq((const void *)at, p->orig, p->len))
		return refuse(put(put_site(&t, u, p->vaddr), ": other bytes than in the file: somebody else has patched here"));
	return 1;
}

static int sites_ok(const struct placed *u)
{
	static struct texts texts;

	texts_of(&u->module, &texts);
	for (u32 i = 0; i < u->unit->npatches; i++)
		if (!site_ok(u, patch_of(u->plan, u->unit, i), &texts))
			return 0;
	return 1;
}

static u64 map_near(const struct placed *u, u64 size)
{
	u64 lo = page_down(u->module.bias + u->unit->text_lo), hi = page_up(u->module.bias + u->unit->text_hi), at;

	at = gap_find(lo, hi, size);
	if (!at || (u64)sys_mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
		return 0;
	sys6(__NR_prctl, 0x53564d41 /* PR_SET_VMA */, 0, (long)at, (long)size, (long)"bpftime", 0);
	return at;
}

static int fill_arena(const struct resident *res, const struct placed *u)
{
	const struct plan_reloc *r = (const struct plan_reloc *)((const u8 *)u->plan + u->unit->relocs);

	mem_copy((void *)u->arena, (const u8 *)u->plan + u->unit->code, u->unit->code_size);
	for (u32 i = 0; i < u->unit->nrelocs; i++)
		if (!relocate(res, u, &r[i]))
			return 0;
	return !failed(sys_mprotect(u->arena, arena_size(u->unit), PROT_READ | PROT_EXEC));
}

static int semaphores_ok(const struct placed *u)
{
	u64 vaddr = 0;
	const char *why = semaphores_refused(&u->module, u->plan, u->unit, &vaddr);
	TEXT(t);

	if (!why)
		return 1;
	return maps_error ? refuse_maps() : refuse(put(put(put_site(&t, u, vaddr), ": "), why));
}

static int prepare(const struct resident *res, struct placed *u)
{
	TEXT(t);

	if (!sites_ok(u) || !semaphores_ok(u))
		return 0;
	u->arena = map_near(u, arena_size(u->unit));
	if (!u->arena)
		return maps_error ? refuse_maps() : refuse(put(put(&t, name(u->plan, u->unit->path)), ": no memory within 2 GiB of it for the stubs"));
	if (fill_arena(res, u) && outposts_fill(&u->module, u->plan, u->unit, u->arena))
		return 1;
	sys_munmap(u->arena, arena_size(u->unit));
	return refuse(put(put(&t, name(u->plan, u->unit->path)), ": stubs cannot be made executable here, or do not reach their targets"));
}

/* ---- a unit: commit, undo ---- */

static long write_site(long mem, const struct placed *u, const struct plan_patch *p)
{
	u64 at = u->module.bias + p->vaddr;
	s64 rel = (s64)(u->arena + p->stub - (at + p->rel_at + 4));
	u8 bytes[16];

	if (p->tactic & TACTIC_TRAP && !bpftime_trap_add(at, u->arena + p->stub))
		return -ENOSPC_;
	mem_copy(bytes, p->text, p->len);
	if (p->rel_at != PATCH_NO_REL) {
		if (!fits(rel))
			return -EINVAL_;
		mem_copy(bytes + p->rel_at, &rel, 4);
	}
	return text_write(mem, at, bytes, p->len);
}

/* A pattern's sites are in the order of addresses: a page is looked at once for all
 * that are in it. */
static void map_back(const struct placed *u, u32 npatches)
{
	u64 page, done = 0;

	for (u32 i = 0; i < npatches; i++) {
		const struct plan_patch *p = patch_of(u->plan, u->unit, i);
		u64 at = u->module.bias + p->vaddr;

		for (page = page_down(at); page < at + p->len; page += PAGE) {
			if (page != done)
				text_map_back(page);
			done = page;
		}
	}
}

/* Where the text cannot even be written back, the arena stays: what jumps there
 * works on. */
static void unwrite(struct placed *u, u32 npatches)
{
	long mem = text_open();

	for (u32 i = npatches; i--;) {
		const struct plan_patch *p = patch_of(u->plan, u->unit, i);

		if (!text_restore(mem, u->module.bias + p->vaddr, p->orig, p->len))
			u->stays = 1;
		else if (p->tactic & TACTIC_TRAP)
			bpftime_trap_remove(u->module.bias + p->vaddr);
	}
	text_close(mem);
	map_back(u, npatches);
}

/* How many sites could be written; *r says why not the next. */
static u32 write_sites(const struct placed *u, long *r)
{
	long mem = text_open();
	u32 i = 0;

	for (*r = 0; i < u->unit->npatches; i++) {
		*r = write_site(mem, u, patch_of(u->plan, u->unit, i));
		if (*r)
			break;
	}
	text_close(mem);
	return i;
}

static int commit(struct placed *u)
{
	const struct plan_patch *p;
	long r;
	u32 n = write_sites(u, &r);
	TEXT(t);

	if (r) {
		p = patch_of(u->plan, u->unit, n);
		bpftime_trap_remove(u->module.bias + p->vaddr);
		unwrite(u, n);
		return refuse(put_error(put(put_site(&t, u, p->vaddr), ": text cannot be written"), r));
	}
	semaphores_add(&u->module, u->plan, u->unit, 1);
	return 1;
}

static void undo(struct placed *u)
{
	unwrite(u, u->unit->npatches);
	if (!u->stays)
		semaphores_add(&u->module, u->plan, u->unit, -1);
}

/* Every list of runs that names a link is a site of it, unless it says that it is the
 * second of one (a session's). */
static void count_sites(const struct resident *res, const struct placed *u)
{
	const struct plan_reloc *r = (const struct plan_reloc *)((const u8 *)u->plan + u->unit->relocs);

	for (u32 i = 0; i < u->unit->nrelocs; i++)
		if ((r[i].what & 0xff) == RELOC_LINK_COUNTER32 && !r[i].addend)
			__atomic_fetch_add(&res->links[r[i].what >> 8]->sites, 1, __ATOMIC_RELAXED);
}

/* ---- a plan ---- */

/* The modules of a plan's units, before anything is changed in them: the walk and the
 * placing both read /proc/self/maps. */
static struct found {
	const struct plan *plan;
	u32 n;
	struct {
		const struct plan_unit *unit;
		struct module module;
	} at[MAX_FOUND];
} found;

static int is_placed(const struct plan_unit *unit, const struct module *m)
{
	for (u32 i = 0; i < nplaced; i++)
		if (placed[i].unit == unit && (!m || placed[i].module.lo == m->lo))
			return 1;
	return 0;
}

static void find_units(const struct module *m, const char *path, void *arg)
{
	struct found *f = arg;

	for (u32 i = 0; i < f->plan->nunits && f->n < MAX_FOUND; i++) {
		const struct plan_unit *unit = unit_of(f->plan, i);

		if (!module_is(m, path, f->plan, unit) || is_placed(unit, m))
			continue;
		f->at[f->n].unit = unit;
		f->at[f->n].module = *m;
		f->at[f->n++].module.bias = m->lo - unit->load_base;
	}
}

/* The outposts of what is found and not placed. */
static void leave_found(u32 from, u32 to)
{
	for (u32 i = from; i < to; i++)
		outposts_unmap(&found.at[i].module, found.plan, found.at[i].unit);
}

/* Looks for the modules, and takes the pages of their outposts. */
static int find_all(const struct plan *plan)
{
	TEXT(t);

	found.plan = plan;
	found.n = 0;
	modules_each(find_units, &found);
	if (maps_error)
		return refuse_maps();
	for (u32 i = 0; i < found.n; i++) {
		if (outposts_map(&found.at[i].module, plan, found.at[i].unit))
			continue;
		leave_found(0, i);
		return refuse(put(put(&t, name(plan, found.at[i].unit->path)), ": the place that a punned jump leads to is not free any more"));
	}
	return 1;
}

static int prepare_found(const struct resident *res)
{
	TEXT(t);

	for (u32 i = 0; i < found.n; i++) {
		if (nplaced == MAX_PLACED)
			return refuse(put_dec(put(&t, "more modules are patched than this process can keep in mind: "), MAX_PLACED));
		placed[nplaced] = (struct placed){res->plan, found.at[i].unit, found.at[i].module, 0, 0};
		if (!prepare(res, &placed[nplaced]))
			return 0;
		nplaced++;
	}
	return 1;
}

/* Writes the sites of all units from `first` on. */
static int commit_from(u32 first)
{
	for (u32 done = first; done < nplaced; done++) {
		if (commit(&placed[done]))
			continue;
		for (u32 i = first; i < done; i++)
			undo(&placed[i]);
		return 0;
	}
	return 1;
}

static void leave(const struct placed *u)
{
	sys_munmap(u->arena, arena_size(u->unit));
	outposts_unmap(&u->module, u->plan, u->unit);
}

/* 0: something stays, and needs the maps. */
static int drop_from(u32 first)
{
	int all = 1;

	while (nplaced > first) {
		nplaced--;
		if (placed[nplaced].stays)
			all = 0;
		else
			leave(&placed[nplaced]);
	}
	return all;
}

/* Prepares and commits every unit wherever its module was found and it is not yet, or
 * nothing at all. */
static int place_found(const struct resident *res)
{
	u32 first = nplaced;

	if (!prepare_found(res) || !commit_from(first)) {
		leave_found(nplaced - first, found.n);
		if (!drop_from(first))
			keep_maps(res);
		return 0;
	}
	for (u32 i = first; i < nplaced; i++)
		count_sites(res, &placed[i]);
	return 1;
}

static int absent_units(const struct plan *p)
{
	TEXT(t);

	for (u32 i = 0; i < p->nunits; i++) {
		const struct plan_unit *u = unit_of(p, i);

		if (!(u->flags & UNIT_LATE) && !is_placed(u, 0))
			return refuse(put(put(&t, name(p, u->path)), ": compiled for, but not mapped from offset 0 any more")) + 1;
	}
	return 0;
}

/* Memory for what outlives this call: pointers to links and maps. */
static int keep_tables(struct resident *r)
{
	u64 size = page_up((r->plan->nlinks + r->plan->nmaps) * 8ul + 8);
	long at = sys_mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (failed(at))
		return 0;
	r->links = (struct session_link **)at;
	r->maps = (u64 *)at + r->plan->nlinks;
	return 1;
}

/* With PLAN_TRAPS the signal becomes ours before there is an int3. Where it was not
 * taken at the start it is not taken later, when threads run. */
static int take_signals(const struct plan *plan, int at_start)
{
	long r = !(plan->flags & PLAN_TRAPS) || !at_start ? 0 : bpftime_trap_own();
	TEXT(t);

	return r ? refuse(put_error(put(&t, "SIGTRAP cannot be taken over, so no site can have a trap"), r)) : 1;
}

/* Outposts come before maps, which the kernel might map there. */
static int take_all(struct resident *r, int at_start)
{
	if (!find_all(r->plan))
		return 0;
	if (take_maps(r) && take_signals(r->plan, at_start))
		return place_found(r);
	leave_found(0, found.n);
	return 0;
}

/* Applies a checked plan, which stays where it is. 1: applied; 0: nothing was
 * changed, and plan_refusal() is the reason. */
int plan_apply(const struct plan *plan, int at_start)
{
	struct resident *r = &plans[nplans];
	u32 first = nplaced;
	TEXT(t);

	*r = (struct resident){.plan = plan};
	if (nplans == MAX_PLANS || !keep_tables(r))
		return refuse(put(&t, "no memory to keep another plan"));
	if (take_links(r) && take_all(r, at_start)) {
		if (!at_start || !absent_units(plan)) {
			nplans++;
			return 1;
		}
		for (u32 i = first; i < nplaced; i++)
			undo(&placed[i]);
		if (!drop_from(first))
			keep_maps(r);
	}
	if (at_start)
		bpftime_trap_disown();
	drop_maps(r);
	return 0;
}

/* ---- late.c's half: modules came or went ---- */

static void forget(u32 i)
{
	for (u32 k = 0; k < placed[i].unit->npatches; k++) {
		const struct plan_patch *p = patch_of(placed[i].plan, placed[i].unit, k);

		if (p->tactic & TACTIC_TRAP)
			bpftime_trap_remove(placed[i].module.bias + p->vaddr);
	}
	leave(&placed[i]);
	placed[i] = placed[--nplaced];
}

/* A patch whose module is gone is dropped, never undone: its place may belong to
 * somebody else by now. */
void plan_drop_gone(void)
{
	for (u32 i = nplaced; i-- > 0;)
		if (!module_here(&placed[i].module))
			forget(i);
}

/* 0: something could not be placed, plan_refusal() is the last reason. */
int plan_place_late(void)
{
	int all = 1;

	for (u32 i = 0; i < nplans; i++)
		all &= find_all(plans[i].plan) && place_found(&plans[i]);
	return all;
}

/* Is a unit of ours in the module that v is a mapping of? */
int file_placed(const struct vma *v)
{
	for (u32 i = 0; i < nplaced; i++)
		if (placed[i].module.inode == v->inode && placed[i].module.major == v->major && placed[i].module.minor == v->minor)
			return 1;
	return 0;
}

/* Does an attach specification wait for a module of this path, so that a compiler
 * has to be asked? By base name, up to what follows the name asked for. */
int plan_wants(const char *path)
{
	for (u32 i = 0; i < nplans; i++) {
		const struct plan *p = plans[i].plan;
		const struct plan_want *w = (const struct plan_want *)((const u8 *)p + p->wants);

		for (u32 k = 0; k < p->nwants; k++)
			if (str_prefix(str_base(path), str_base(name(p, w[k].path))))
				return 1;
	}
	return 0;
}
