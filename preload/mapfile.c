/* A map's file, mapped for programs:
 *
 *    at               the header: a private copy, r--, that was checked
 *    at + 4096        the rest of the file, shared
 *    at + size        rings only: their records again, so that one that reaches
 *                     over the end lies in one piece
 *
 * The copy is why the check holds: what other processes write into the header
 * afterwards is not seen here (internal/native/map.h).
 */
#include "agent.h"
#include "map.h"

static u64 again(const struct map_header *h) { return is_ring(h) ? h->stride : 0; }

void map_file_drop(u64 at, u64 size)
{
	bpftime_ring_remove((struct map_header *)at);
	sys_munmap(at, size + again((const struct map_header *)at));
}

/* A page with the header in it, or -errno. */
static long read_header(long fd, u64 size)
{
	long page = sys_mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), n;

	if (failed(page))
		return page;
	n = SYS4(__NR_pread64, fd, page, PAGE, 0);
	if (n != PAGE || bpftime_map_check((const struct map_header *)page, size)) {
		sys_munmap((u64)page, PAGE);
		return failed(n) ? n : -EINVAL_;
	}
	return page;
}

static long map_rest(long fd, u64 size, u64 page)
{
	u64 twice = again((const struct map_header *)page);
	long at = sys_mmap(0, size + twice, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), r;

	if (failed(at))
		return at;
	r = sys_mmap((u64)at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	if (!failed(r) && twice)
		r = sys_mmap((u64)at + size, twice, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, MAP_RING_OFF);
	if (!failed(r))
		r = sys_mprotect(page, PAGE, PROT_READ);
	if (!failed(r))
		r = sys6(__NR_mremap, (long)page, PAGE, PAGE, 3 /* MAYMOVE | FIXED */, at, 0);
	if (!failed(r)) {
		bpftime_ring_add((struct map_header *)at);
		return at;
	}
	sys_munmap((u64)at, size + twice);
	return r;
}

/* The address of the mapped file, or -errno and why. */
long map_file(const char *path, u64 size, struct text *why)
{
	long fd = open_owned(path, size), page, at;

	if (failed(fd)) {
		put_error(put(put(why, "cannot open "), path), fd);
		return fd;
	}
	page = read_header(fd, size);
	at = failed(page) ? page : map_rest(fd, size, (u64)page);
	if (failed(at) && !failed(page))
		sys_munmap((u64)page, PAGE);
	sys_close(fd);
	if (at == -EINVAL_)
		put(put(why, path), ": not a map of this version and size: remove the session, or use another");
	else if (failed(at))
		put_error(put(put(why, "cannot map "), path), at);
	return at;
}
