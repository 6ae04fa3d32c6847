/* Modules that come and go after the start.
 *
 * The dynamic linker calls _dl_debug_state (r_debug.r_brk) when it is about to
 * change the list of modules and again when the list is consistent: the new module
 * is mapped, none of its constructors has run, nobody executes there. The plan
 * patches that function like any other (UNIT_HOOK); its stub comes here, on the
 * thread that calls dlopen, with the linker's lock held. So nothing here takes a
 * lock, calls libc or waits for a thread of the host.
 *
 * What the plan was compiled for is placed from the plan; for a module nobody knew
 * a fresh compiler is asked once per file.
 */
#include "agent.h"
#include "native.h"

#include <elf.h>

#define MAX_ASKED 64

static struct {
	char interp[256], self[512];
	char session[80], rundir[880], exe[3072];
	char *manifest; /* value of BPFTIME_MANIFEST, NUL, the text, NUL */
	u64 manifest_size;
} remembered;

struct file_id { /* a file that a compiler was already asked about */
	u64 inode;
	u32 major, minor;
};

static struct file_id asked[MAX_ASKED];
static u32 nasked;

static int known(const struct vma *v)
{
	for (u32 i = 0; i < nasked && i < MAX_ASKED; i++)
		if (asked[i].inode == v->inode && asked[i].major == v->major && asked[i].minor == v->minor)
			return 1;
	return 0;
}

static int contains(const char *s, const char *word, u64 len)
{
	for (; *s; s++) {
		u64 n = 0;

		while (n < len && s[n] == word[n])
			n++;
		if (n == len)
			return 1;
	}
	return 0;
}

/* Is this the file of somebody who copies stacks? */
static int copies_stacks(const char *path)
{
	const char *word = SHADOW_FOES, *base = str_base(path);
	u64 n;

	for (; *word; word += n) {
		for (n = 0; word[n] && word[n] != ','; n++)
			;
		if (contains(base, word, n))
			return 1;
		n += word[n] == ',';
	}
	return 0;
}

/* Frames that live now are returned from once, in their place, whatever becomes of
 * others: only new ones must not be kept in the table. */
static void meet_foe(const char *path)
{
	TEXT(t);

	if (bpftime_shadow_off || !copies_stacks(path))
		return;
	__atomic_store_n(&bpftime_shadow_off, 1, __ATOMIC_RELAXED);
	put(put(&t, str_base(path)), " copies stacks: returns by tactic d are not seen any more and count as misses");
	log_line(LEVEL_WARN, t.s);
}

/* Writes the paths of modules that a specification waits for and that no compiler
 * has seen. Returns how many. */
static u32 new_modules(char *to, u64 max)
{
	static struct maps maps;
	static struct vma v;
	u64 n = 0;
	u32 count = 0;

	if (!maps_open(&maps))
		return 0;
	while (maps_next(&maps, &v)) {
		u64 len = str_len(v.path) + 1;

		if (v.inode)
			meet_foe(v.path);
		if (v.off || !v.inode || v.perms[3] != 'p' || known(&v) || file_placed(&v) || !plan_wants(v.path) || n + len + 1 > max)
			continue;
		if (to) {
			mem_copy(to + n, v.path, len);
			asked[nasked++ % MAX_ASKED] = (struct file_id){v.inode, v.major, v.minor};
		}
		n += len;
		count++;
	}
	maps_close(&maps);
	if (to)
		to[n] = 0;
	return count;
}

static void request(struct handoff *h)
{
	h->magic = HANDOFF_MAGIC;
	h->mode = MODE_LATE;
	h->level = session_log_level;
	str_copy(h->session, sizeof h->session, remembered.session);
	str_copy(h->rundir, sizeof h->rundir, remembered.rundir);
	str_copy(h->exe, sizeof h->exe, remembered.exe);
	mem_copy(h->manifest, remembered.manifest, remembered.manifest_size);
	new_modules(h->modules, sizeof h->modules);
}

/* A module that stays is met again whenever another one comes or goes, and what
 * could not be read may be readable then: a reason is told once. */
static void tell(const char *reason)
{
	static struct text told = {.max = sizeof told.s};
	TEXT(t);

	if (str_eq(told.s, reason) || (told.n && maps_error))
		return;
	told.n = 0;
	put(&told, reason);
	log_line(LEVEL_ERROR, put(put(&t, "a module that was loaded is not patched: "), reason)->s);
}

static void answer(const struct handoff *h, const struct outcome *o)
{
	const struct plan *plan;
	TEXT(why);

	log_handoff(h);
	if (o->what || o->status || h->verdict == VERDICT_NONE) {
		outcome_text(o, &why);
		tell(why.s);
		return;
	}
	if (h->verdict != VERDICT_PLAN)
		return;
	plan = plan_take(h, &why);
	if (!plan) {
		tell(why.s);
	} else if (!plan_apply(plan, 0)) {
		tell(plan_refusal());
		sys_munmap((u64)plan, plan->size);
	}
}

static void ask(void)
{
	long fd = SYS2(__NR_memfd_create, "bpftime", 1 /* MFD_CLOEXEC */);
	struct handoff *h = 0;
	struct outcome o;

	if (!failed(fd) && !failed(SYS2(__NR_ftruncate, fd, HANDOFF_SIZE)))
		h = handoff_map(fd);
	if (h) {
		request(h);
		compile_in_process(fd, remembered.interp, remembered.self, &o);
		answer(h, &o);
		handoff_unmap(h);
	} else {
		tell("there is no memory to compile for it");
	}
	if (!failed(fd))
		sys_close(fd);
}

static void modules_changed(void)
{
	plan_drop_gone();
	if (!plan_place_late())
		tell(plan_refusal());
	if (new_modules(0, sizeof((struct handoff *)0)->modules))
		ask();
}

/* ---- what has to be known later ---- */

static int find_mapping(u64 addr, struct vma *v)
{
	static struct maps maps;
	int found = 0;

	if (!maps_open(&maps))
		return 0;
	while (!found && maps_next(&maps, v))
		found = v->lo <= addr && addr < v->hi;
	maps_close(&maps);
	return found;
}

static void remember_manifest(const char *value, const char *text)
{
	u64 n = str_len(value) + 1, m = str_len(text) + 1;
	long at = sys_mmap(0, n + m, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (failed(at) || n + m > HANDOFF_MANIFEST_MAX)
		return;
	mem_copy((void *)at, value, n);
	mem_copy((void *)(at + (long)n), text, m);
	remembered.manifest = (char *)at;
	remembered.manifest_size = n + m;
}

/* The dynamic linker of this process is what AT_BASE points into. */
static void remember_paths(const struct handoff *h)
{
	extern unsigned long getauxval(unsigned long);
	static struct vma v;

	if (find_mapping(getauxval(AT_BASE), &v))
		str_copy(remembered.interp, sizeof remembered.interp, v.path);
	if (find_mapping((u64)modules_changed, &v))
		str_copy(remembered.self, sizeof remembered.self, v.path);
	str_copy(remembered.session, sizeof remembered.session, h->session);
	str_copy(remembered.rundir, sizeof remembered.rundir, h->rundir);
	str_copy(remembered.exe, sizeof remembered.exe, h->exe);
}

/* Called once, when a plan was applied: from now on the hook does something. */
void late_arm(const struct handoff *h, const char *text)
{
	remember_paths(h);
	remember_manifest(h->manifest, text);
	if (remembered.manifest)
		bpftime_dl_state = modules_changed;
}
