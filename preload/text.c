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

enum { SEEK_SET_ = 0 };

static long write_mem(u64 addr, const u8 *bytes, u64 n)
{
	long fd = sys_open("/proc/self/mem", O_RDWR, 0), r;

	if (failed(fd))
		return fd;
	r = SYS4(__NR_pwrite64, fd, bytes, n, addr);
	sys_close(fd);
	return failed(r) ? r : (u64)r == n ? 0 : -EACCES_;
}

static long move_page(u64 page, u64 addr, const u8 *bytes, u64 n)
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
		r = sys6(__NR_mremap, copy, PAGE, PAGE, 3 /* MAYMOVE | FIXED */, (long)page, 0);
	if (failed(r)) {
		sys_munmap((u64)copy, PAGE);
		return r;
	}
	return 0;
}

static long write_pages(u64 addr, const u8 *bytes, u64 n)
{
	long r = 0;

	for (u64 page = page_down(addr); page < addr + n && !r; page += PAGE)
		r = move_page(page, addr, bytes, n);
	return r;
}

/* 0, or -errno and nothing was changed. */
long text_write(u64 addr, const u8 *bytes, u64 n)
{
	u8 before[16];
	long r;

	mem_copy(before, (const void *)addr, n);
	if (failed(write_mem(addr, bytes, n))) {
		r = write_pages(addr, bytes, n);
		if (r)
			return r;
	}
	if (mem_eq((const void *)addr, bytes, n))
		return 0;
	text_restore(addr, before, n);
	return -EACCES_;
}

/* Maps the file's page back where it equals what stands there: afterwards the
 * host's mappings are as if we had never been. */
static void map_back(u64 page)
{
	static struct maps maps;
	static struct vma v;
	struct stat st;
	int found = 0;
	long fd, copy;

	if (!maps_open(&maps))
		return;
	while (!found && maps_next(&maps, &v))
		found = v.lo <= page && page < v.hi;
	maps_close(&maps);
	if (!found || !v.inode || !str_eq(v.perms, "r-xp"))
		return;
	fd = sys_open(v.path, O_RDONLY, 0);
	if (failed(fd))
		return;
	copy = failed(SYS2(__NR_fstat, fd, &st)) || st.st_ino != v.inode ? -EINVAL_ :
	       sys_mmap(0, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, page - v.lo + v.off);
	sys_close(fd);
	if (failed(copy))
		return;
	if (!mem_eq((const void *)copy, (const void *)page, PAGE) || failed(sys6(__NR_mremap, copy, PAGE, PAGE, 3, (long)page, 0)))
		sys_munmap((u64)copy, PAGE);
}

/* 1: the bytes stand there again. */
int text_restore(u64 addr, const u8 *bytes, u64 n)
{
	for (int tries = 0; tries < 8 && !mem_eq((const void *)addr, bytes, n); tries++)
		if (failed(write_mem(addr, bytes, n)))
			write_pages(addr, bytes, n);
	if (!mem_eq((const void *)addr, bytes, n))
		return 0;
	for (u64 page = page_down(addr); page < addr + n; page += PAGE)
		map_back(page);
	return 1;
}
