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

static struct {
	char interp[256], self[512];
	char session[80], rundir[880], exe[3072];
	char *manifest; /* value of BPFTIME_MANIFEST, NUL, the text, NUL */
	u64 manifest_size;
} remembered;

struct asked { /* a file that a compiler was asked about, or need not be, and that is still here */
	struct file_id file;
	int here;
};
static struct asked first_asked[64], *asked = first_asked;
static u32 nasked, room_asked = 64;

static u32 unknown; /* modules that a specification waits for, or stacks lead through, and no compiler has seen */

static struct asked *known(const struct module *m)
{
	for (u32 i = 0; i < nasked; i++)
		if (is_file_of(&asked[i].file, m))
			return &asked[i];
	return 0;
}

static int remember(const struct module *m, int here)
{
	if (!ROOM(asked))
		return 0;
	asked[nasked++] = (struct asked){id_of_file(m), here};
	return 1;
}

/* Does somebody wait for the module? Who does not is not looked into again. */
static int wanted(const struct module *m, const char *path, int ours)
{
	if (stacks_lack(m) || (!ours && plan_wants(path)))
		return 1;
	if (ours || !plan_sees_calls())
		return 0;
	if (makes_calls(m))
		return 1;
	remember(m, 1);
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

static void meet(const struct module *m, const char *path, int ours)
{
	struct asked *f = known(m);

	meet_foe(path);
	if (f)
		f->here = 1;
	else
		unknown += (u32)wanted(m, path, ours);
}

/* Another file may have the number of one that is gone. */
static void forget_gone(void)
{
	for (u32 i = nasked; i-- > 0; asked[i].here = 0)
		if (!asked[i].here)
			asked[i] = asked[--nasked];
}

struct names { /* of files, NUL after each, "" ends */
	char *to;
	u64 n, max;
};

static void add_unknown(struct module *m, const char *path, void *arg)
{
	struct names *names = arg;
	u64 len = str_len(path) + 1;

	if (!m->code || known(m) || !wanted(m, path, module_placed(m)) || names->n + len + 1 > names->max || !remember(m, 0))
		return; /* the next walk has to see it */
	mem_copy(names->to + names->n, path, len);
	names->n += len;
}

/* 0: the walk failed, and who was not met will be when modules change again. */
static int request(struct handoff *h)
{
	struct names names = {h->modules, 0, sizeof h->modules};
	u32 before = nasked;

	h->magic = HANDOFF_MAGIC;
	h->mode = MODE_LATE;
	h->level = session_log_level;
	str_copy(h->session, sizeof h->session, remembered.session);
	str_copy(h->rundir, sizeof h->rundir, remembered.rundir);
	str_copy(h->exe, sizeof h->exe, remembered.exe);
	mem_copy(h->manifest, remembered.manifest, remembered.manifest_size);
	modules_each(add_unknown, &names);
	h->modules[names.n] = 0;
	if (maps_error)
		nasked = before;
	return !maps_error;
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

	if (!failed(fd))
		h = handoff_map(fd);
	if (h && !request(h)) {
		tell("/proc/self/maps cannot be read");
	} else if (h) {
		compile_in_process(fd, remembered.interp, remembered.self, &o);
		answer(h, &o);
	} else {
		tell("there is no memory to compile for it");
	}
	if (h)
		handoff_unmap(h);
	if (!failed(fd))
		sys_close(fd);
}

/* What the dynamic linker tells debuggers, as far as it is needed; 0: not found. */
static const struct {
	int version;
	u64 map, brk;
	int state; /* 0: consistent; else the list is about to change */
} *linker;

/* Half of the calls say that something is going to happen: there is nothing to be
 * seen yet, and to walk through the maps takes a while. (The list of another
 * namespace changes while the first one is consistent: those calls are all looked at.) */
static void modules_changed(void)
{
	enum changed what = CHANGED_AGAIN;

	if (linker && __atomic_load_n(&linker->state, __ATOMIC_RELAXED))
		return;
	for (int tries = 0; what == CHANGED_AGAIN && tries < 8; tries++) {
		unknown = 0;
		what = plan_modules_changed(meet);
	}
	if (what != CHANGED_PLACED)
		tell(plan_refusal());
	if (maps_error)
		return;
	forget_gone();
	if (unknown)
		ask();
}

/* ---- what has to be known later ---- */

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

/* DT_DEBUG of the program leads to what the dynamic linker tells. */
static void find_linker(const Elf64_Phdr *p, u64 n)
{
	const Elf64_Dyn *dynamic = 0;
	u64 bias = 0;

	for (u64 i = 0; i < n; i++)
		if (p[i].p_type == PT_PHDR)
			bias = (u64)p - p[i].p_vaddr;
	for (u64 i = 0; i < n; i++)
		if (p[i].p_type == PT_DYNAMIC)
			dynamic = (const Elf64_Dyn *)(bias + p[i].p_vaddr);
	for (; dynamic && dynamic->d_tag; dynamic++)
		if (dynamic->d_tag == DT_DEBUG)
			linker = (const void *)dynamic->d_un.d_ptr;
}

/* The dynamic linker of this process is what AT_BASE points into. */
static void remember_paths(const struct handoff *h)
{
	extern unsigned long getauxval(unsigned long);
	static struct vma v;

	find_linker((const Elf64_Phdr *)getauxval(AT_PHDR), getauxval(AT_PHNUM));
	if (mapping_at(getauxval(AT_BASE), &v))
		str_copy(remembered.interp, sizeof remembered.interp, v.path);
	if (mapping_at((u64)modules_changed, &v))
		str_copy(remembered.self, sizeof remembered.self, v.path);
	str_copy(remembered.session, sizeof remembered.session, h->session);
	str_copy(remembered.rundir, sizeof remembered.rundir, h->rundir);
	str_copy(remembered.exe, sizeof remembered.exe, h->exe);
}

/* What is here at the start was compiled for. */
static void was_here(struct module *m, const char *path, void *arg)
{
	(void)path;
	(void)arg;
	if (m->code)
		remember(m, 1);
}

/* Called once, when a plan was applied: from now on the hook does something. */
void late_arm(const struct handoff *h, const char *text)
{
	if (plan_sees_calls())
		modules_each(was_here, 0);
	remember_paths(h);
	remember_manifest(h->manifest, text);
	if (remembered.manifest)
		bpftime_dl_state = modules_changed;
}
