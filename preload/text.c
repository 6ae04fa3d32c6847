/* Writes the host's text, law 7: never writable and executable at once, never
 * mprotect of a page that may be in use.
 *
 * First choice is /proc/self/mem: the kernel writes through the protection
 * (FOLL_FORCE) into a private copy of the page, other threads never see it
 * non-executable. Where that file cannot be opened (setuid after main, no write
 * by policy), a copy of the page is made, changed, set r-x, and moved over the
 * original with mremap, which swaps the page in one step.
 *
 * What is written is at most 16 bytes which no thread can be executing: at start
 * there is one thread and it is here; in a module that was just mapped nobody has
 * run. So no int3 protocol and no cache-line rule is needed.
 */
#include "agent.h"

/* What text is written through, for as many sites as there are; or -errno, and then
 * pages are moved. Whoever opens it closes it, and keeps it nowhere: in a forked
 * child it would still be this process's memory. */
long text_open(void) { return sys_open("/proc/self/mem", O_RDWR, 0); }

void text_close(long mem)
{
	if (!failed(mem))
		sys_close(mem);
}

static long write_mem(long mem, u64 addr, const u8 *bytes, u64 n)
{
	long r = failed(mem) ? mem : SYS4(__NR_pwrite64, mem, bytes, n, addr);

	return failed(r) ? r : (u64)r == n ? 0 : -EACCES_;
}

/* A copy of a page with the bytes in it, r-x, that may be moved over it; or -errno. */
static long copy_page(u64 page, u64 addr, const u8 *bytes, u64 n)
{
	long copy = sys_mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), r;

	if (failed(copy))
		return copy;
	mem_copy((void *)copy, (const void *)page, PAGE);
	for (u64 i = 0; i < n; i++)
		if (page_down(addr + i) == page)
			((u8 *)copy)[addr + i - page] = bytes[i];
	r = sys_mprotect((u64)copy, PAGE, PROT_READ | PROT_EXEC);
	if (!failed(r))
		return copy;
	sys_munmap((u64)copy, PAGE);
	return r;
}

static long move_page(u64 copy, u64 page)
{
	long r = sys6(__NR_mremap, (long)copy, PAGE, PAGE, 3 /* MAYMOVE | FIXED */, (long)page, 0);

	if (failed(r))
		sys_munmap(copy, PAGE);
	return failed(r) ? r : 0;
}

/* Nothing is moved before every page that has to be is ready. */
static long write_pages(u64 addr, const u8 *bytes, u64 n)
{
	u64 page = page_down(addr), last = page_down(addr + n - 1);
	long first_copy = copy_page(page, addr, bytes, n), r;
	long last_copy = page == last || failed(first_copy) ? 0 : copy_page(last, addr, bytes, n);

	if (failed(first_copy))
		return first_copy;
	if (failed(last_copy)) {
		sys_munmap((u64)first_copy, PAGE);
		return last_copy;
	}
	r = move_page((u64)first_copy, page);
	if (last_copy && !r)
		r = move_page((u64)last_copy, last);
	else if (last_copy)
		sys_munmap((u64)last_copy, PAGE);
	return r;
}

/* 0, or -errno and nothing was changed. */
long text_write(long mem, u64 addr, const u8 *bytes, u64 n)
{
	u8 before[16];
	long r = 0;

	mem_copy(before, (const void *)addr, n);
	if (failed(write_mem(mem, addr, bytes, n)))
		r = write_pages(addr, bytes, n);
	if (!r && mem_eq((const void *)addr, bytes, n))
		return 0;
	text_restore(mem, addr, before, n);
	return r ? r : -EACCES_;
}

/* What file a page is, or was before a copy was moved over it: then text without a
 * gap to it says so. Who asks compares the contents. */
static int file_of(u64 page, struct vma *of)
{
	static struct maps maps;
	static struct vma v;
	u64 end = 0;

	of->inode = 0;
	if (!maps_open(&maps))
		return 0;
	while (maps_next(&maps, &v) && (v.lo <= page || (v.lo == end && !of->inode))) {
		if (v.lo != end)
			of->inode = 0;
		if (v.inode && str_eq(v.perms, "r-xp"))
			*of = v;
		end = v.hi;
	}
	maps_close(&maps);
	return of->inode != 0;
}

/* Maps the file's page back where it equals what stands there: afterwards the
 * host's mappings are as if we had never been. */
void text_map_back(u64 page)
{
	static struct vma v;
	struct stat st;
	long fd, copy;

	if (!file_of(page, &v))
		return;
	fd = sys_open(v.path, O_RDONLY, 0);
	if (failed(fd))
		return;
	copy = failed(SYS2(__NR_fstat, fd, &st)) || st.st_ino != v.inode || page - v.lo + v.off >= (u64)st.st_size ? -EINVAL_ :
	       sys_mmap(0, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, page - v.lo + v.off);
	sys_close(fd);
	if (failed(copy))
		return;
	if (mem_eq((const void *)copy, (const void *)page, PAGE))
		move_page((u64)copy, page);
	else
		sys_munmap((u64)copy, PAGE);
}

/* 1: the bytes stand there again. */
int text_restore(long mem, u64 addr, const u8 *bytes, u64 n)
{
	for (int tries = 0; tries < 8 && !mem_eq((const void *)addr, bytes, n); tries++)
		if (failed(write_mem(mem, addr, bytes, n)))
			write_pages(addr, bytes, n);
	return mem_eq((const void *)addr, bytes, n);
}
