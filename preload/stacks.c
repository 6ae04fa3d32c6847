/* What a walk up the stack needs to know of this process (internal/native/bpf_stack.c):
 * where the modules lie that the plan has unwind tables of, and memory for each lease.
 * Both are there before main, since a hit makes no system call for them. */
#include "agent.h"
#include "map.h"

static struct {
	u64 inode;
	u32 major, minor, here;
} seen[UNWIND_MODULES]; /* by index of bpftime_resident.modules */

struct finding {
	const struct plan *plan;
	const u64 *maps;
};

static int is_table(const struct map_header *h) { return h->type == UNWIND_TYPE; }

static const struct map_header *table_of(const struct finding *f, const char *path)
{
	for (u32 i = 0; i < f->plan->nmaps; i++) {
		const struct map_header *h = (const struct map_header *)f->maps[i];

		if (is_table(h) && str_eq((const char *)h + UNWIND_PATH, path))
			return h;
	}
	return 0;
}

/* Modules come in the order of addresses. */
static void add_module(struct module *m, const char *path, void *arg)
{
	const struct map_header *h = table_of(arg, path);
	struct bpftime_resident *r = &bpftime_resident;

	if (!h || r->nmodules == UNWIND_MODULES)
		return;
	seen[r->nmodules].inode = m->inode;
	seen[r->nmodules].major = m->major;
	seen[r->nmodules].minor = m->minor;
	r->modules[r->nmodules++] = (struct bpftime_module){
		.lo = m->lo, .hi = m->hi, .base = m->lo, .rows = (const u32 *)((u64)h + h->data), .nrows = h->max_entries,
		.ours = m->lo <= (u64)bpftime_get_stack && (u64)bpftime_get_stack < m->hi,
	};
}

static int has_table(const struct plan *plan, const u64 *maps)
{
	for (u32 i = 0; i < plan->nmaps; i++)
		if (is_table((const struct map_header *)maps[i]))
			return 1;
	return 0;
}

/* Of the first plan: modules that come later have no tables. */
void stacks_take(const struct plan *plan, const u64 *maps)
{
	struct bpftime_resident *r = &bpftime_resident;
	struct finding f = {plan, maps};
	u64 modules = page_up(UNWIND_MODULES * sizeof *r->modules);
	long at;

	if (r->scratch || !has_table(plan, maps))
		return;
	at = sys_mmap(0, modules + (u64)SESSION_NLEASES * UNWIND_SCRATCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (failed(at))
		return;
	r->modules = (struct bpftime_module *)at;
	modules_each(add_module, &f);
	__atomic_store_n(&r->scratch, (u8 *)at + modules, __ATOMIC_RELEASE);
}

/* ---- modules came or went: what lies in the place of one that is gone has no table ---- */

void stacks_look(void)
{
	for (u32 i = 0; i < bpftime_resident.nmodules; i++)
		seen[i].here = 0;
}

void stacks_meet(const struct module *m)
{
	for (u32 i = 0; i < bpftime_resident.nmodules; i++)
		if (bpftime_resident.modules[i].lo == m->lo && seen[i].inode == m->inode && seen[i].major == m->major && seen[i].minor == m->minor)
			seen[i].here = 1;
}

void stacks_drop_gone(void)
{
	for (u32 i = 0; i < bpftime_resident.nmodules; i++)
		if (!seen[i].here)
			__atomic_store_n(&bpftime_resident.modules[i].nrows, 0, __ATOMIC_RELEASE);
}
