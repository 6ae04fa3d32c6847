/* What a walk up the stack needs to know of this process (internal/native/bpf_stack.c):
 * where the modules lie that plans have unwind tables of, and memory for each lease.
 * It is there before main, since a hit makes no system call for it.
 *
 * A table belongs to a file, by its path, and by what it was when the table was first
 * used. Modules that come later are added behind the others, in no order, while walks go
 * on: a place is filled before it is counted, and is used again for the same table only,
 * so what a walk is reading stays what it is. Tables are mapped as long as the process
 * lives.
 */
#include "agent.h"
#include "map.h"

#define TABLES (2 * UNWIND_MODULES)

static struct known {
	const struct map_header *h;
	struct file_id file; /* inode 0: not used yet */
} tables[TABLES];
static u32 ntables;

static struct seen {
	struct file_id file;
	int here;
} seen[TABLES]; /* by index of bpftime_resident.modules */

static int is_table(const struct map_header *h) { return h->type == UNWIND_TYPE; }

/* Is this a table that walks use, whatever becomes of its plan? */
int stacks_use(u64 map)
{
	for (u32 i = 0; i < ntables; i++)
		if ((u64)tables[i].h == map)
			return 1;
	return 0;
}

static int add_tables(const struct plan *plan, const u64 *maps)
{
	int found = 0;

	for (u32 i = 0; i < plan->nmaps && ntables < TABLES; i++)
		if (is_table((const struct map_header *)maps[i]) && !stacks_use(maps[i])) {
			tables[ntables++] = (struct known){.h = (const struct map_header *)maps[i]};
			found = 1;
		}
	return found;
}

/* The newest, since a file may have been replaced by another one. */
static struct known *table_of(const struct module *m, const char *path)
{
	for (u32 i = ntables; i-- > 0;)
		if ((!tables[i].file.inode || is_file_of(&tables[i].file, m)) && str_eq((const char *)tables[i].h + UNWIND_PATH, path))
			return &tables[i];
	return 0;
}

static const u32 *rows_of(const struct map_header *h) { return (const u32 *)((u64)h + h->data); }

static void put_module(u32 at, struct known *table, const struct module *m)
{
	table->file = seen[at].file = id_of_file(m);
	seen[at].here = 1;
	bpftime_resident.modules[at] = (struct bpftime_module){
		.lo = m->lo, .hi = m->hi, .base = m->lo, .rows = rows_of(table->h),
		.ours = m->lo <= (u64)bpftime_get_stack && (u64)bpftime_get_stack < m->hi,
	};
	__atomic_store_n(&bpftime_resident.modules[at].nrows, table->h->max_entries, __ATOMIC_RELEASE);
}

/* ---- the start: modules come in the order of addresses ---- */

static void add_module(struct module *m, const char *path, void *arg)
{
	struct known *t = table_of(m, path);
	struct bpftime_resident *r = arg;

	if (t && r->nmodules < UNWIND_MODULES)
		put_module(r->nmodules++, t, m);
}

static void begin(struct bpftime_resident *r)
{
	u64 modules = page_up(TABLES * sizeof *r->modules);
	long at = sys_mmap(0, modules + (u64)SESSION_NLEASES * UNWIND_SCRATCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (failed(at))
		return;
	r->modules = (struct bpftime_module *)at;
	modules_each(add_module, r);
	__atomic_store_n(&r->scratch, (u8 *)at + modules, __ATOMIC_RELEASE);
}

/* ---- later ---- */

/* Is the module known where it is? Modules are seen again whenever one comes or goes. */
static int is_there(const struct module *m, u32 from, u32 n)
{
	for (u32 i = from; i < from + n; i++)
		if (bpftime_resident.modules[i].nrows && bpftime_resident.modules[i].lo == m->lo && is_file_of(&seen[i].file, m)) {
			seen[i].here = 1;
			return 1;
		}
	return 0;
}

static int is_known(const struct module *m)
{
	const struct bpftime_resident *r = &bpftime_resident;

	return is_there(m, 0, r->nmodules) || is_there(m, UNWIND_MODULES, r->nlate);
}

/* A place that had this table before, or a new one. */
static void add_late(const struct module *m, struct known *t)
{
	struct bpftime_resident *r = &bpftime_resident;
	u32 n = 0;

	while (n < r->nlate && (r->modules[UNWIND_MODULES + n].nrows || r->modules[UNWIND_MODULES + n].rows != rows_of(t->h)))
		n++;
	if (n == UNWIND_MODULES)
		return;
	put_module(UNWIND_MODULES + n, t, m);
	if (n == r->nlate)
		__atomic_store_n(&r->nlate, n + 1, __ATOMIC_RELEASE);
}

void stacks_meet(const struct module *m, const char *path)
{
	struct known *t;

	if (!bpftime_resident.scratch || is_known(m))
		return;
	t = table_of(m, path);
	if (t)
		add_late(m, t);
}

/* Do programs ask for stacks, and is there no table of this module? */
int stacks_lack(const struct module *m) { return bpftime_resident.scratch && bpftime_resident.nlate < UNWIND_MODULES && !is_known(m); }

static void meet_again(struct module *m, const char *path, void *arg)
{
	(void)arg;
	stacks_meet(m, path);
}

/* The tables of a plan are used from now on. */
void stacks_take(const struct plan *plan, const u64 *maps)
{
	struct bpftime_resident *r = &bpftime_resident;

	if (!add_tables(plan, maps))
		return;
	if (r->scratch)
		modules_each(meet_again, 0);
	else
		begin(r);
}

void stacks_look(void)
{
	for (u32 i = 0; i < TABLES; i++)
		seen[i].here = 0;
}

/* What lies in the place of a module that is gone has no table. */
void stacks_drop_gone(void)
{
	for (u32 i = 0; bpftime_resident.scratch && i < TABLES; i++)
		if (!seen[i].here)
			__atomic_store_n(&bpftime_resident.modules[i].nrows, 0, __ATOMIC_RELEASE);
}
