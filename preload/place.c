/* Which plans this process has, and where their units are: the plan of the start, and
 * one for each module that a fresh compiler was asked about.
 *
 * A unit is applied to every module of its file: the same file may be loaded into
 * several namespaces (dlmopen), each time into fresh memory. At the start, and for
 * a plan that was just compiled, all of them or none. Later a module comes by
 * itself: it is patched, or not, without regard to others.
 *
 * When modules have changed, one walk through /proc/self/maps finds who is gone,
 * who is new and ours, and who is nobody's. The tables grow: how many modules come
 * is the host's choice. Plans of modules that are gone are kept for a while, since
 * hosts load again what they have unloaded.
 */
#include "apply.h"
#include "native.h"

#define MAX_IDLE 64 /* plans without a module */

static struct placed first_placed[64], *placed = first_placed;
static u32 nplaced, room_placed = 64;

static struct resident first_plans[16], *plans = first_plans;
static u32 nplans, room_plans = 16;
static u64 now; /* counts the changes of modules */

/* What a walk finds before anything is changed: to place a unit reads the maps too. */
struct found {
	u32 plan;
	const struct plan_unit *unit;
	struct module module;
};
static struct found first_found[64], *found = first_found;
static u32 nfound, room_found = 64;

/* Room for one more in a table, which is twice as big when it was full. */
int grow(void **table, const void *first, u32 n, u32 *room, u64 each)
{
	long at;

	if (n < *room)
		return 1;
	at = sys_mmap(0, page_up(2ul * *room * each), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (failed(at))
		return 0;
	mem_copy((void *)at, *table, n * each);
	if (*table != first)
		sys_munmap((u64)*table, page_up(*room * each));
	*table = (void *)at;
	*room *= 2;
	return 1;
}

/* Where an earlier plan has mapped the file: a process that has dropped its
 * privileges since could not open it again. */
u64 mapped_before(const char *path, u64 size)
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

/* ---- what is where ---- */

static int is_at(const struct placed *p, const struct module *m)
{
	return p->module.lo == m->lo && p->module.inode == m->inode && p->module.major == m->major && p->module.minor == m->minor;
}

/* m: 0 is any module. */
static int is_placed(const struct plan_unit *unit, const struct module *m)
{
	for (u32 i = 0; i < nplaced; i++)
		if (placed[i].unit == unit && (!m || is_at(&placed[i], m)))
			return 1;
	return 0;
}

/* How many units of ours are in the module; all of them are seen now. */
static u32 units_in(const struct module *m)
{
	u32 n = 0;

	for (u32 i = 0; i < nplaced; i++)
		if (is_at(&placed[i], m)) {
			placed[i].here = 1;
			n++;
		}
	return n;
}

/* Adds the units of plan i that belong into the module. */
static u32 find_units(u32 i, struct module *m, const char *path)
{
	const struct plan *p = plans[i].plan;
	u32 n = 0;

	for (u32 k = 0; k < p->nunits; k++) {
		const struct plan_unit *unit = unit_of(p, k);

		if (!module_is(m, path, p, unit) || is_placed(unit, m) || !ROOM(found))
			continue;
		found[nfound] = (struct found){i, unit, *m};
		found[nfound++].module.bias = m->lo - unit->load_base;
		n++;
	}
	return n;
}

/* ---- placing ---- */

static int take_outposts(const struct found *f)
{
	const struct plan *p = plans[f->plan].plan;
	TEXT(t);

	if (outposts_map(&f->module, p, f->unit))
		return 1;
	return refuse(put(put(&t, name(p, f->unit->path)), ": the place that a punned jump leads to is not free any more"));
}

/* The outposts of what is found and not placed. */
static void leave_found(u32 from, u32 to)
{
	for (u32 i = from; i < to; i++)
		outposts_unmap(&found[i].module, plans[found[i].plan].plan, found[i].unit);
}

/* Prepares a unit: the last of placed is it. */
static int prepare_found(const struct found *f)
{
	TEXT(t);

	if (!ROOM(placed))
		return refuse(put(&t, "no memory to keep in mind which modules are patched"));
	placed[nplaced] = (struct placed){plans[f->plan].plan, f->unit, f->module, 0, 0, 1};
	return prepare(&plans[f->plan], &placed[nplaced]) && ++nplaced;
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

/* What stays needs its plan's maps. */
static void drop_from(u32 first, struct resident *res)
{
	while (nplaced > first) {
		nplaced--;
		if (placed[nplaced].stays)
			res->stays = 1;
		else
			leave(&placed[nplaced]);
	}
}

/* Prepares and commits found[from, to), which are of one plan and have their outposts,
 * or nothing at all. */
static int place(u32 from, u32 to)
{
	struct resident *res = &plans[found[from].plan];
	u32 first = nplaced, i = from;

	while (i < to && prepare_found(&found[i]))
		i++;
	if (i < to || !commit_from(first)) {
		leave_found(i, to);
		drop_from(first, res);
		return 0;
	}
	for (i = first; i < nplaced; i++)
		count_sites(res, &placed[i]);
	return 1;
}

/* ---- a plan ---- */

static u64 tables_size(const struct plan *p) { return page_up((p->nlinks + p->nmaps) * 8ul + 8); }

/* Memory for what outlives this call: pointers to links and maps. */
static int keep_tables(struct resident *r)
{
	long at = sys_mmap(0, tables_size(r->plan), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (failed(at))
		return 0;
	r->links = (struct session_link **)at;
	r->maps = (u64 *)at + r->plan->nlinks;
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

static void find_units_of(struct module *m, const char *path, void *plan)
{
	if (m->code)
		find_units((u32)(u64)plan, m, path);
}

/* With PLAN_TRAPS the signal becomes ours before there is an int3. Where it was not
 * taken at the start it is not taken later, when threads run. */
static int take_signals(const struct plan *plan, int at_start)
{
	long r = !(plan->flags & PLAN_TRAPS) || !at_start ? 0 : bpftime_trap_own();
	TEXT(t);

	return r ? refuse(put_error(put(&t, "SIGTRAP cannot be taken over, so no site can have a trap"), r)) : 1;
}

/* Names of threads are kept, as prctl is seen, for a tick of the coarse clock. */
static void keep_names(void)
{
	struct bpftime_resident *r = &bpftime_resident;
	static struct vma v;

	r->names = 1;
	if (r->clock && mapping_named("[vvar]", &v))
		r->coarse = vdso_coarse(v.lo);
}

/* The same for reads, which do without. Behind the last site of the system calls that could say otherwise. */
static void take_faults(const struct plan *plan, int at_start)
{
	long r = !(plan->flags & PLAN_READS) || !at_start ? 0 : bpftime_reads_own();
	TEXT(t);

	if (at_start && plan->flags & (PLAN_TRAPS | PLAN_READS))
		keep_names();
	if (r)
		log_line(LEVEL_INFO, put_error(put(&t, "reads are not guarded, so the kernel reads for programs: SIGSEGV and SIGBUS cannot be taken over"), r)->s);
}

extern const char __ehdr_start[] HIDDEN, etext[] HIDDEN;

/* Calls of sites that are not rewritten come to a unit that the process has from its start. */
static void take_dispatch(const struct plan *plan, int at_start)
{
	TEXT(t);

	if (!(plan->flags & PLAN_DISPATCH) || !at_start)
		return;
	for (u32 i = 0; i < nplaced; i++) {
		long r;

		if (placed[i].plan != plan || !placed[i].unit->dispatch)
			continue;
		r = bpftime_dispatch_own(placed[i].arena + placed[i].unit->dispatch, (u64)__ehdr_start, (u64)(etext - __ehdr_start));
		if (r)
			log_line(LEVEL_WARN, put_error(put(&t, "system calls are not complete: those of sites that are not rewritten are not dispatched"), r)->s);
		return;
	}
	log_line(LEVEL_WARN, put(&t, "system calls are not complete: no module has a site that others could be led to")->s);
}

/* Looks for the modules, and takes the pages of their outposts. */
static int find_plan(u32 plan)
{
	nfound = 0;
	modules_each(find_units_of, (void *)(u64)plan);
	if (maps_error)
		return refuse_maps();
	for (u32 i = 0; i < nfound; i++) {
		if (take_outposts(&found[i]))
			continue;
		leave_found(0, i);
		return 0;
	}
	return 1;
}

/* Places the units of the last plan wherever their modules are, or none. Outposts come
 * before maps, which the kernel might map there. */
static int place_plan(int at_start)
{
	struct resident *r = &plans[nplans - 1];
	u32 first = nplaced;

	if (!find_plan(nplans - 1))
		return 0;
	if (!take_maps(r) || !take_signals(r->plan, at_start)) {
		leave_found(0, nfound);
		return 0;
	}
	if (nfound && !place(0, nfound))
		return 0;
	if (!at_start || !absent_units(r->plan))
		return 1;
	for (u32 i = first; i < nplaced; i++)
		undo(&placed[i]);
	drop_from(first, r);
	return 0;
}

/* Applies a checked plan, which stays where it is. 1: applied; 0: nothing was
 * changed, and plan_refusal() is the reason. */
int plan_apply(const struct plan *plan, int at_start)
{
	struct resident r = {.plan = plan, .used = now};
	TEXT(t);

	if (!ROOM(plans) || !keep_tables(&r))
		return refuse(put(&t, "no memory to keep another plan"));
	if (take_links(&r)) {
		plans[nplans++] = r;
		if (place_plan(at_start)) {
			count_calls(&plans[nplans - 1]);
			take_faults(plan, at_start);
			stacks_take(plan, r.maps);
			take_dispatch(plan, at_start);
			return 1;
		}
		r = plans[--nplans];
	}
	if (at_start)
		bpftime_trap_disown();
	drop_maps(&r);
	sys_munmap((u64)r.links, tables_size(plan));
	return 0;
}

/* This process is what an execve has led to: programs behind that call run now. */
void plan_came(const struct plan *plan)
{
	for (u32 i = 0; i < nplaced; i++)
		if (placed[i].plan == plan && placed[i].unit->came) {
			bpftime_execve_came((struct bpftime_run *)(placed[i].arena + placed[i].unit->came));
			return;
		}
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

static int is_idle(u32 plan)
{
	for (u32 i = 0; i < nplaced; i++)
		if (placed[i].plan == plans[plan].plan)
			return 0;
	return 1;
}

static void drop_plan(u32 i)
{
	struct resident r = plans[i];

	plans[i] = plans[--nplans];
	drop_maps(&r);
	sys_munmap((u64)r.links, tables_size(r.plan));
	sys_munmap((u64)r.plan, r.plan->size);
}

/* The plan of the start is kept for its wishes. */
static void drop_idle(void)
{
	u32 idle = 0, oldest = 0;

	now++;
	for (u32 i = 1; i < nplans; i++) {
		if (!is_idle(i)) {
			plans[i].used = now;
			continue;
		}
		idle++;
		if (!oldest || plans[i].used < plans[oldest].used)
			oldest = i;
	}
	if (idle > MAX_IDLE && !plans[oldest].stays)
		drop_plan(oldest);
}

static void look(struct module *m, const char *path, void *arg)
{
	void (*meet)(const struct module *m, const char *path, int ours) = arg;
	u32 ours = units_in(m);

	stacks_meet(m, path);
	for (u32 i = 0; m->code && !ours && i < nplans; i++)
		ours += find_units(i, m, path);
	if (m->code)
		meet(m, path, ours != 0);
}

/* A patch whose module is gone is dropped, never undone: its place may belong to
 * somebody else by now. */
static void drop_gone(void)
{
	for (u32 i = nplaced; i-- > 0;)
		if (!placed[i].here)
			forget(i);
}

/* A plan for a file without build-id is for a path, and another file may stand there
 * by now. 1: it is dropped, and a compiler may be asked anew. */
static int drop_stale(const struct found *f)
{
	if (f->unit->build_id_len || !f->plan || !is_idle(f->plan) || plans[f->plan].stays)
		return 0;
	drop_plan(f->plan);
	return 1;
}

/* Forgets what is gone and places what has come. meet is shown every module, and
 * whether a unit of ours is for it. */
enum changed plan_modules_changed(void (*meet)(const struct module *m, const char *path, int ours))
{
	enum changed result = CHANGED_PLACED;

	for (u32 i = 0; i < nplaced; i++)
		placed[i].here = 0;
	nfound = 0;
	stacks_look();
	modules_each(look, meet);
	if (maps_error) {
		refuse_maps();
		return CHANGED_REFUSED;
	}
	drop_gone();
	stacks_drop_gone();
	for (u32 i = 0; i < nfound; i++) {
		if (take_outposts(&found[i]) && place(i, i + 1))
			continue;
		if (drop_stale(&found[i]))
			return CHANGED_AGAIN;
		result = CHANGED_REFUSED;
	}
	drop_idle();
	return result;
}

/* Is a unit of ours in the module? */
int module_placed(const struct module *m)
{
	for (u32 i = 0; i < nplaced; i++)
		if (is_at(&placed[i], m))
			return 1;
	return 0;
}

/* Do programs see system calls? */
int plan_sees_calls(void)
{
	for (u32 i = 0; i < nplans; i++)
		if (plans[i].plan->flags & PLAN_CALLS)
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
