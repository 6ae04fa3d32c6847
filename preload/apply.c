/* The applier: a checked plan becomes mappings and patches in this process, whole
 * or not at all (law 8). What has to be done, place by place; place.c says where.
 *
 *   links    every link of the plan gets its slot in the session
 *   find     the modules of the units; the pages that punned jumps lead to are taken
 *   maps     every map file is mapped
 *   prepare  for a unit and a module that is here: compare the bytes at the sites,
 *            map an arena near, copy the code, relocate it, make it r-x
 *   commit   write all sites, add to semaphores; if a site cannot be written,
 *            write the others back
 *
 * A failure has one reason. It is kept, and told by who asked for the plan.
 */
#include "apply.h"
#include "map.h"

static struct text refusal = {.max = sizeof refusal.s};

const char *plan_refusal(void) { return refusal.s; }

int refuse(struct text *why)
{
	refusal.n = 0;
	put(&refusal, why->s);
	return 0;
}

int refuse_maps(void)
{
	TEXT(t);

	return refuse(put_error(put(&t, "/proc/self/maps cannot be read"), maps_error));
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

int take_links(struct resident *r)
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

int take_maps(struct resident *r)
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
		bpftime_map_known(name(r->plan, map[i].path), (u64)at); /* or it is in no map of maps */
	}
	return 1;
}

void drop_maps(const struct resident *r)
{
	const struct plan_map *map = (const struct plan_map *)((const u8 *)r->plan + r->plan->maps);

	for (u32 i = 0; i < r->plan->nmaps && !r->stays; i++)
		if (r->maps[i] && !stacks_use(r->maps[i]) && r->maps[i] != mapped_before(name(r->plan, map[i].path), map[i].size)) {
			bpftime_map_known(name(r->plan, map[i].path), 0);
			map_file_drop(r->maps[i], map[i].size);
		}
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

int prepare(const struct resident *res, struct placed *u)
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

int commit(struct placed *u)
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

void undo(struct placed *u)
{
	unwrite(u, u->unit->npatches);
	if (!u->stays)
		semaphores_add(&u->module, u->plan, u->unit, -1);
}

/* Every list of runs that names a link is a site of it, unless it says that it is the
 * second of one (a session's). */
void count_sites(const struct resident *res, const struct placed *u)
{
	const struct plan_reloc *r = (const struct plan_reloc *)((const u8 *)u->plan + u->unit->relocs);

	for (u32 i = 0; i < u->unit->nrelocs; i++)
		if ((r[i].what & 0xff) == RELOC_LINK_COUNTER32 && !r[i].addend)
			__atomic_fetch_add(&res->links[r[i].what >> 8]->sites, 1, __ATOMIC_RELAXED);
}

/* Sites of system calls share lists. */
void count_calls(const struct resident *res)
{
	const struct plan_link *link = (const struct plan_link *)((const u8 *)res->plan + res->plan->links);

	for (u32 i = 0; i < res->plan->nlinks; i++)
		__atomic_fetch_add(&res->links[i]->sites, link[i].calls, __ATOMIC_RELAXED);
}
