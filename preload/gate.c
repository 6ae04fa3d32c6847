/* The gate: the constructor that decides whether anything happens at all.
 *
 * Go's own start (_rt0_amd64_linux_lib) is an entry of .init_array. postlink takes
 * it out of the file; in an agent that was not finished, this constructor, which
 * has priority 101 and so runs before it, does so in memory. It is kept for the
 * compiler's process. In the host Go never starts.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

extern const char __ehdr_start[] HIDDEN;
extern char **environ;

go_start bpftime_go_start;

static void nothing(void) {}

/* .init_array is RELRO: reopen the page, put a function that does nothing in the
 * place, close it again. Go's entry has no name for the linker; it is the last one
 * that begins with `jmp rel32` (go.o follows crtbeginS.o, whose frame_dummy may
 * begin so too, and this agent has no constructor behind it). */
int take_go_start(void)
{
	u64 base = (u64)__ehdr_start, *array = 0, n = 0;

	bpftime_go_start = deferred_start();
	if (bpftime_go_start)
		return 1;
	for (const Elf64_Dyn *d = _DYNAMIC; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_INIT_ARRAY)
			array = (u64 *)(base + d->d_un.d_ptr);
		if (d->d_tag == DT_INIT_ARRAYSZ)
			n = d->d_un.d_val;
	}
	for (u64 i = n / sizeof *array; i-- > 0;) {
		u64 page = page_down((u64)&array[i]);

		if (*(const u8 *)array[i] != 0xe9)
			continue;
		bpftime_go_start = (go_start)array[i];
		if (failed(sys_mprotect(page, PAGE, PROT_READ | PROT_WRITE)))
			return 0;
		array[i] = (u64)nothing;
		sys_mprotect(page, PAGE, PROT_READ);
		return 1;
	}
	return 0;
}

static const char *env(const char *name)
{
	u64 n = str_len(name);

	for (char **e = environ; e && *e; e++)
		if (str_prefix(*e, name) && (*e)[n] == '=')
			return *e + n + 1;
	return 0;
}

static void read_settings(struct settings *s)
{
	*s = (struct settings){env("BPFTIME_MANIFEST"), env("BPFTIME_SESSION"), env("BPFTIME_RUNDIR"), env("XDG_RUNTIME_DIR"), env("BPFTIME_LOG")};
}

static void read_exe(char *to, u64 max)
{
	long n = SYS3(__NR_readlink, "/proc/self/exe", to, max - 1);

	to[failed(n) ? 0 : n] = 0;
}

/* The text of the manifest for a glance; at most what fits, and then unsure. It is
 * kept for compilers that run later, perhaps where the file cannot be read. */
static char text[HANDOFF_MANIFEST_MAX / 2];

static void look(const char *value, const char *exe, struct glance *g)
{
	struct stat st;
	long fd, n = -1;

	if (*value == '{') {
		*g = (struct glance){.match = MATCH_UNSURE};
		return;
	}
	fd = *value == '/' ? sys_open(value, O_RDONLY | O_NONBLOCK, 0) : -1;
	if (!failed(fd)) {
		if (!failed(SYS2(__NR_fstat, fd, &st)) && (st.st_mode & S_IFMT) == S_IFREG)
			n = sys_read(fd, text, sizeof text - 1);
		sys_close(fd);
	}
	glance_at(text, failed(n) ? 0 : (u64)n, exe, g);
	if (failed(n) || n == sizeof text - 1) {
		g->match = MATCH_UNSURE;
		*text = 0;
	}
}

/* Before main other threads are rare, but a library's constructor may have
 * started some. /proc/self/task has one link per thread and two of its own. */
static int one_thread(void)
{
	struct stat st;

	return !failed(SYS4(__NR_newfstatat, AT_FDCWD, "/proc/self/task", &st, 0)) && st.st_nlink == 3;
}

static void request(struct handoff *h, const struct settings *set, const char *exe)
{
	h->magic = HANDOFF_MAGIC;
	h->mode = MODE_START;
	h->level = session_log_level;
	str_copy(h->session, sizeof h->session, set->session);
	session_rundir(set, h->rundir, sizeof h->rundir);
	str_copy(h->exe, sizeof h->exe, exe);
	str_copy(h->manifest, sizeof h->manifest, set->manifest);
}

/* With on_error: abort the process ends here, with the line on stderr. */
static void end_if(int abort, const char *line)
{
	TEXT(t);

	if (!abort)
		return;
	put(put(put(&t, "bpftime: "), line), "\n");
	SYS3(__NR_write, 2, t.s, t.n);
	SYS1(__NR_exit_group, 125);
}

static void give_up(int abort, const char *line)
{
	log_line(LEVEL_ERROR, line);
	end_if(abort, line);
}

/* The first error the compiler told, for stderr: the log has them all. */
static const char *first_error(const struct handoff *h, struct text *t)
{
	u32 at = 0, level;

	while (handoff_line(h, &at, &level, t))
		if (level == LEVEL_ERROR && t->n)
			return t->s;
	return "the manifest cannot be used; see the session's log";
}

/* A private copy, checked: the compiler may still be able to write to the other. */
const struct plan *plan_take(const struct handoff *h, struct text *why)
{
	u32 size = h->plan_size;
	const char *wrong;
	long at;

	if (size > handoff_plan_room() || size < PLAN_HDR_SIZE) {
		put(why, "the compiler's plan has no size");
		return 0;
	}
	at = sys_mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (failed(at)) {
		put(why, "no memory for the plan");
		return 0;
	}
	mem_copy((void *)at, h->plan, size);
	wrong = plan_check((const u8 *)at, size);
	if (!wrong)
		return (const struct plan *)at;
	put(put(why, "the compiler's plan is refused: "), wrong);
	sys_munmap((u64)at, size);
	return 0;
}

static void apply(struct handoff *h, int abort)
{
	const struct plan *plan;
	TEXT(why);

	plan = plan_take(h, &why);
	if (!plan) {
		give_up(abort, why.s);
	} else if (plan_apply(plan, 1)) {
		late_arm(h, text);
		plan_came(plan);
	} else {
		sys_munmap((u64)plan, plan->size);
		give_up(abort, put(put(&why, "nothing was patched: "), plan_refusal())->s);
	}
}

static int join_session(const struct handoff *h, const struct glance *g, int abort, const char *exe)
{
	const char *name = session_name(h->session) ? h->session : *g->session ? g->session : "default";
	long r = session_open(h->rundir, name, exe);
	TEXT(why);

	if (!r)
		return 1;
	give_up(abort, put_error(put(put(put(put(&why, "the session "), name), " cannot be opened in "), h->rundir), r)->s);
	return 0;
}

static void answer(struct handoff *h, const struct outcome *o, const struct glance *g, const char *exe)
{
	int dead = o->what || o->status || h->verdict == VERDICT_NONE;
	int abort = dead || h->abort == ABORT_UNKNOWN ? g->abort : h->abort == ABORT_YES;
	TEXT(why);

	if (!dead && h->verdict == VERDICT_NOT_FOR_US)
		return;
	h->session[sizeof h->session - 1] = 0;
	if (!join_session(h, g, abort, exe))
		return;
	log_handoff(h);
	if (dead) {
		outcome_text(o, &why);
		give_up(abort, why.s);
	} else if (h->verdict == VERDICT_PLAN) {
		apply(h, abort);
	} else {
		end_if(abort, first_error(h, &why));
	}
}

/* There is not even memory to ask the compiler. */
static void no_handoff(const struct settings *set, const struct glance *g, const char *exe)
{
	static char rundir[880];
	const char *name = set->session && session_name(set->session) ? set->session : *g->session ? g->session : "default";

	session_rundir(set, rundir, sizeof rundir);
	session_open(rundir, name, exe);
	give_up(g->abort, "the process may not map the 16 MiB it takes to compile: nothing was patched");
}

static void enter(const struct settings *set)
{
	static char exe[3072];
	struct glance g;
	struct outcome o = {0, 0};
	struct handoff *h;

	read_exe(exe, sizeof exe);
	look(set->manifest, exe, &g);
	if (g.match == MATCH_NO)
		return;
	session_log_level = log_level(set->log);
	h = handoff_map(-1);
	if (!h) {
		no_handoff(set, &g, exe);
		return;
	}
	request(h, set, exe);
	if (one_thread())
		compile_in_child(h, &o);
	else
		o.what = "this process runs several threads before main: running code is patched only from outside, by bpftime attach";
	answer(h, &o, &g, exe);
	handoff_unmap(h);
}

__attribute__((constructor(101))) static void gate(void)
{
	struct settings set;

	if (!take_go_start() || getauxval(AT_SECURE))
		return;
	read_settings(&set);
	if (set.manifest && *set.manifest)
		enter(&set);
}
