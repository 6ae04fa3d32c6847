/* /proc/self/maps: which modules are there, what a page is, where there is room.
 * Read as a stream through one small buffer: the host's stack may be small, and
 * a JVM has thousands of mappings. A read may fail in the middle, and what was not
 * seen is then not gone: who walks looks at maps_error.
 */
#include "agent.h"

long maps_error;

int maps_open(struct maps *m)
{
	m->at = m->n = 0;
	m->fd = sys_open("/proc/self/maps", O_RDONLY, 0);
	maps_error = failed(m->fd) ? m->fd : 0;
	return !maps_error;
}

void maps_close(struct maps *m)
{
	sys_close(m->fd);
}

static int next_char(struct maps *m)
{
	if (m->at == m->n) {
		long n = sys_read(m->fd, m->buf, sizeof m->buf);

		if (failed(n))
			maps_error = n;
		if (failed(n) || !n)
			return -1;
		m->n = (u64)n;
		m->at = 0;
	}
	return (u8)m->buf[m->at++];
}

/* Reads a number up to a character that is no digit; returns that character. */
static int number(struct maps *m, u32 base, u64 *v)
{
	int c;

	for (*v = 0;; *v = *v * base + (u64)(c <= '9' ? c - '0' : c - 'a' + 10)) {
		c = next_char(m);
		if (!((c >= '0' && c <= '9') || (base == 16 && c >= 'a' && c <= 'f')))
			return c;
	}
}

/* lo-hi perms offset major:minor inode          path */
int maps_next(struct maps *m, struct vma *v)
{
	u64 dev, n = 0;
	int c;

	if (number(m, 16, &v->lo) != '-' || number(m, 16, &v->hi) != ' ')
		return 0;
	for (int i = 0; i < 4; i++)
		v->perms[i] = (char)next_char(m);
	v->perms[4] = 0;
	next_char(m);
	if (number(m, 16, &v->off) != ' ' || number(m, 16, &dev) != ':')
		return 0;
	v->major = (u32)dev;
	if (number(m, 16, &dev) != ' ')
		return 0;
	v->minor = (u32)dev;
	c = number(m, 10, &v->inode);
	while (c == ' ')
		c = next_char(m);
	for (; c != '\n'; c = next_char(m)) {
		if (c < 0)
			return 0;
		if (n + 1 < sizeof v->path)
			v->path[n++] = (char)c;
	}
	v->path[n] = 0;
	return 1;
}

/* ---- modules ---- */

struct ehdr {
	u8 ident[16];
	uint16_t type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

enum { PT_LOAD_ = 1, PT_NOTE_ = 4, NT_GNU_BUILD_ID_ = 3 };

/* Finds a build-id among the notes of [at, at + size). */
static int find_id(u64 at, u64 size, struct module *m)
{
	while (size >= 12) {
		const u32 *note = (const u32 *)at;
		u64 name = (note[0] + 3ul) & ~3ul, desc = (note[1] + 3ul) & ~3ul;

		if (12 + name + desc > size)
			return 0;
		if (note[2] == NT_GNU_BUILD_ID_ && note[0] == 4) {
			m->id = (const u8 *)at + 12 + name;
			m->id_len = note[1];
			return 1;
		}
		at += 12 + name + desc;
		size -= 12 + name + desc;
	}
	return 0;
}

static u64 load_base(const struct phdr *p, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (p[i].type == PT_LOAD_)
			return page_down(p[i].vaddr);
	return 0;
}

/* [lo, head) is a readable mapping of a file from offset 0. What is its build-id? */
static void read_id(struct module *m)
{
	const struct ehdr *e = (const struct ehdr *)m->lo;
	const struct phdr *p;
	u64 bias;

	m->id_known = 1;
	if (m->head - m->lo < sizeof *e || !mem_eq(e->ident, "\177ELF\2\1", 6) || e->phentsize != sizeof *p)
		return;
	if (e->phoff > m->head - m->lo || e->phnum * sizeof *p > m->head - m->lo - e->phoff)
		return;
	p = (const struct phdr *)(m->lo + e->phoff);
	bias = m->lo - load_base(p, e->phnum);
	for (u32 i = 0; i < e->phnum; i++) {
		u64 at = bias + p[i].vaddr;

		if (p[i].type == PT_NOTE_ && at >= m->lo && at <= m->head && p[i].filesz <= m->head - at && find_id(at, p[i].filesz, m))
			return;
	}
}

/* A file without build-id is known by its path; the bytes at the sites decide. */
int module_is(struct module *m, const char *path, const struct plan *plan, const struct plan_unit *u)
{
	if (u->build_id_len && !m->id_known)
		read_id(m);
	if (u->build_id_len)
		return m->id_len == u->build_id_len && mem_eq(m->id, u->build_id, m->id_len);
	return str_eq(path, (const char *)plan + plan->strings + u->path);
}

static int same_file(const struct module *m, const struct vma *v)
{
	return v->inode && v->inode == m->inode && v->major == m->major && v->minor == m->minor;
}

static struct module begin_module(const struct vma *v)
{
	if (v->off || v->perms[0] != 'r' || v->perms[3] != 'p')
		return (struct module){.code = 0};
	return (struct module){.lo = v->lo, .head = v->hi, .inode = v->inode, .major = v->major, .minor = v->minor};
}

/* Every file that is mapped from offset 0, and what follows of it. Where no code is
 * among it, it is a module of whose text a copy was moved over all pages, or none: a
 * file that is only read, and is not to be looked into, since it may have become
 * shorter. */
void modules_each(void (*visit)(struct module *m, const char *path, void *arg), void *arg)
{
	static struct maps maps;
	static struct vma v;
	static char path[sizeof v.path];
	struct module m = {.code = 0};

	if (!maps_open(&maps))
		return;
	while (maps_next(&maps, &v)) {
		if (!v.inode)
			continue;
		if (!v.off || !same_file(&m, &v)) {
			if (m.lo)
				visit(&m, path, arg);
			m = begin_module(&v);
			mem_copy(path, v.path, sizeof path);
		}
		if (same_file(&m, &v)) {
			m.hi = v.hi;
			m.code |= v.perms[2] == 'x';
		}
	}
	maps_close(&maps);
	if (m.lo && !maps_error)
		visit(&m, path, arg);
}

static int is_text(const struct module *m, const struct vma *v) { return same_file(m, v) && str_eq(v->perms, "r-xp"); }

/* 1: *v is the first mapping of this name. */
int mapping_named(const char *path, struct vma *v)
{
	static struct maps maps;
	int found = 0;

	if (!maps_open(&maps))
		return 0;
	while (!found && maps_next(&maps, v))
		found = str_eq(v->path, path);
	maps_close(&maps);
	return found;
}

/* 1: *v is the mapping at addr. */
int mapping_at(u64 addr, struct vma *v)
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

/* Law 7: only plain private file-backed r-x text of the module itself. 1: it is;
 * *v tells what stood there. */
int text_page(u64 addr, const struct module *m, struct vma *v)
{
	return mapping_at(addr, v) && is_text(m, v);
}

/* All pages of which text_page says so, in one walk for all sites. What there is no
 * room for is not said to be text. */
void texts_of(const struct module *m, struct texts *t)
{
	static struct maps maps;
	static struct vma v;

	t->n = 0;
	if (!maps_open(&maps))
		return;
	while (maps_next(&maps, &v) && v.lo < m->hi) {
		if (!is_text(m, &v) || v.hi <= m->lo)
			continue;
		if (t->n && t->at[t->n - 1].hi == v.lo)
			t->at[t->n - 1].hi = v.hi;
		else if (t->n < MAX_TEXTS)
			t->at[t->n].lo = v.lo, t->at[t->n++].hi = v.hi;
	}
	maps_close(&maps);
}

int texts_hold(const struct texts *t, u64 lo, u64 hi)
{
	for (u32 i = 0; i < t->n; i++)
		if (t->at[i].lo <= lo && hi <= t->at[i].hi)
			return 1;
	return 0;
}

/* Private writable data of the module itself: of its file, or the zeros that follow
 * without a gap. 1: it is; *v tells what stood there. */
int data_page(u64 addr, const struct module *m, struct vma *v)
{
	static struct maps maps;
	u64 end = m->lo;
	int found = 0, own = 0;

	if (!maps_open(&maps))
		return 0;
	while (!found && maps_next(&maps, v)) {
		own = same_file(m, v) || (v->lo == end && !v->inode && !v->path[0]);
		if (own)
			end = v->hi;
		found = v->lo <= addr && addr < v->hi;
	}
	maps_close(&maps);
	return found && own && str_eq(v->perms, "rw-p");
}

/* ---- gaps ---- */

#define REACH (0x80000000ul - 0x100000) /* rel32, with a margin */
#define LOWEST 0x10000ul
#define HIGHEST 0x7ffffffff000ul
#define STACK_GUARD (64ul << 20)
#define HEAP_GUARD (64ul << 20)

/* The best place in the hole [lo, hi): below the module as high as possible, above
 * it as low as possible, a page away from the neighbours. 0: no room in reach. */
static u64 place_in(u64 lo, u64 hi, u64 text_lo, u64 text_hi, u64 size)
{
	u64 at;

	lo += PAGE;
	if (hi < PAGE || lo >= hi - PAGE || hi - PAGE - lo < size)
		return 0;
	hi -= PAGE;
	if (hi <= text_lo) {
		at = hi - size;
		return text_hi - at < REACH ? at : 0;
	}
	at = lo;
	return at >= text_hi && at + size - text_lo < REACH ? at : 0;
}

/* Where size bytes can lie so that all of them are in reach of all of [lo, hi).
 * Below is better: what follows a PIE is where its heap grows. 0: nowhere. */
u64 gap_find(u64 lo, u64 hi, u64 size)
{
	static struct maps maps;
	static struct vma v;
	u64 end = LOWEST, best = 0, at;

	if (!maps_open(&maps))
		return 0;
	while (maps_next(&maps, &v)) {
		u64 stop = v.lo < HIGHEST ? v.lo : HIGHEST;

		if (str_eq(v.path, "[stack]"))
			stop = stop > STACK_GUARD + end ? stop - STACK_GUARD : end;
		at = v.lo > end && stop > end ? place_in(end, stop, lo, hi, size) : 0;
		if (at && at < lo)
			best = at; /* ascending: the last one below is the nearest */
		else if (at && !best)
			best = at;
		end = v.hi;
		if (str_eq(v.path, "[heap]"))
			end += HEAP_GUARD;
		if (end > lo && best)
			break;
	}
	maps_close(&maps);
	if (!best && end < HIGHEST)
		best = place_in(end, HIGHEST, lo, hi, size);
	return maps_error ? 0 : best;
}
