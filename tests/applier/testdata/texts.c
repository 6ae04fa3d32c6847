// texts FILE METHOD FAULT OP...: writes text as the agent does, into a private r-x mapping of FILE, while other threads
// run code on the same pages.
//
//   METHOD  mem    as the system allows
//           move   /proc/self/mem cannot be opened
//   FAULT   the number of the call that fails among mmap, mprotect, mremap and pwrite64; 0 is none
//   OP      w:OFFSET:HEX  text_write     r:OFFSET:HEX  text_restore     f:N  from now on the Nth of these calls fails
//           p:KIND        is that page text of the module? plain, shared, writable, unreadable, anonymous, other, absent
//
// Prints what each OP returned, then "bytes" and the mapping in hex, then "page PERMS file|anonymous" for each page, then
// "seen" and what the watching thread saw: "nothing", or a mapping that was writable and executable.
#define _GNU_SOURCE
#include "agent.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ENTRY 16 // of every page: mov $42, %eax; ret

static int by_moving;
static int until_fault;
static const char *bad_call = "nothing";

static int fault(void) { return until_fault && !--until_fault; }

static void judge(int prot)
{
	if (prot & PROT_WRITE && prot & PROT_EXEC)
		bad_call = "a call for writable and executable memory";
}

static long h_open(const char *path, int flags, int mode)
{
	if (by_moving && str_eq(path, "/proc/self/mem"))
		return -EACCES_;
	return sys_open(path, flags, mode);
}

static long h_mmap(u64 at, u64 size, int prot, int flags, long fd, u64 off)
{
	judge(prot);
	return fault() ? -ENOMEM_ : sys_mmap(at, size, prot, flags, fd, off);
}

static long h_mprotect(u64 at, u64 size, int prot)
{
	judge(prot);
	return fault() ? -ENOMEM_ : sys_mprotect(at, size, prot);
}

static long h_sys6(long n, long a, long b, long c, long d, long e, long f)
{
	if ((n == __NR_mremap || n == __NR_pwrite64) && fault())
		return -ENOMEM_;
	return sys6(n, a, b, c, d, e, f);
}

#define sys_open h_open
#define sys_mmap h_mmap
#define sys_mprotect h_mprotect
#define sys6 h_sys6
#include "maps.c"
#include "text.c"
#undef sys_open
#undef sys_mmap
#undef sys_mprotect
#undef sys6

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static u8 *text;
static u64 size;
static u64 inode;
static int stop;

static void *runs(void *unused)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		for (u64 page = 0; page < size; page += PAGE)
			if (((int (*)(void))(text + page + ENTRY))() != 42)
				die("wrong code");
	return unused;
}

static void *watches(void *seen)
{
	char line[512];

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		FILE *f = fopen("/proc/self/maps", "re");
		while (f && fgets(line, sizeof line, f))
			if (strstr(line, " rwx") || strstr(line, " -wx"))
				memcpy(seen, line, sizeof line);
		if (f)
			fclose(f);
	}
	return 0;
}

static u64 inode_of(const u8 *at)
{
	struct maps m;
	struct vma v;
	u64 found = 0;

	if (!maps_open(&m))
		die("maps");
	while (maps_next(&m, &v))
		if (v.lo <= (u64)at && (u64)at < v.hi)
			found = v.inode;
	maps_close(&m);
	return found;
}

static void print_pages(void)
{
	struct maps m;
	struct vma v;

	printf("bytes ");
	for (u64 i = 0; i < size; i++)
		printf("%02x", text[i]);
	printf("\n");
	for (u64 page = 0; page < size; page += PAGE) {
		if (!maps_open(&m))
			die("maps");
		while (maps_next(&m, &v))
			if (v.lo <= (u64)text + page && (u64)text + page < v.hi)
				printf("page %s %s\n", v.perms, v.inode == inode ? "file" : "anonymous");
		maps_close(&m);
	}
}

static long file(const char *path)
{
	long fd = sys_open(path, O_RDWR, 0);

	if (failed(fd))
		die(path);
	return fd;
}

static long asks(const char *path, const char *kind)
{
	static struct texts texts;
	struct stat st;
	struct module m = {0};
	struct vma v;
	long fd = file(path);
	int prot = PROT_READ | PROT_EXEC, flags = MAP_PRIVATE;
	u8 *at;

	if (SYS2(__NR_fstat, fd, &st))
		die("fstat");
	m.inode = st.st_ino;
	m.major = (u32)(st.st_dev >> 8 & 0xfff);
	m.minor = (u32)(st.st_dev & 0xff);
	if (str_eq(kind, "shared"))
		flags = MAP_SHARED;
	else if (str_eq(kind, "writable"))
		prot |= PROT_WRITE;
	else if (str_eq(kind, "unreadable"))
		prot = PROT_EXEC;
	else if (str_eq(kind, "anonymous"))
		flags |= MAP_ANONYMOUS;
	else if (str_eq(kind, "other"))
		fd = sys_open("/proc/self/exe", O_RDONLY, 0);
	at = mmap(0, PAGE, prot, flags, str_eq(kind, "anonymous") ? -1 : (int)fd, 0);
	if (at == MAP_FAILED)
		die(kind);
	if (str_eq(kind, "absent"))
		munmap(at, PAGE);
	m.lo = (u64)at;
	m.hi = (u64)at + PAGE;
	texts_of(&m, &texts);
	if (texts_hold(&texts, (u64)at + 100, (u64)at + 105) != text_page((u64)at + 100, &m, &v))
		return -1;
	return text_page((u64)at + 100, &m, &v);
}

static long write_or_restore(char op, u64 at, const u8 *bytes, u64 n)
{
	long mem = text_open(), r = 0;

	if (op == 'w')
		r = text_write(mem, at, bytes, n);
	else
		text_restore(mem, at, bytes, n);
	text_close(mem);
	for (u64 page = page_down(at); op != 'w' && page < at + n; page += PAGE)
		text_map_back(page);
	return r;
}

static long one(const char *path, char *op)
{
	u8 bytes[16];
	char *colon = strchr(op + 2, ':');
	u64 n = 0;

	if (*op == 'p')
		return asks(path, op + 2);
	if (*op == 'f')
		return until_fault = atoi(op + 2);
	for (char *hex = colon + 1; hex[0] && hex[1] && n < sizeof bytes; hex += 2)
		sscanf(hex, "%2hhx", &bytes[n++]);
	return write_or_restore(*op, (u64)text + strtoul(op + 2, 0, 0), bytes, n);
}

int main(int argc, char **argv)
{
	static char seen[512] = "nothing\n";
	pthread_t threads[2];
	struct stat st;
	long fd;

	if (argc < 4)
		return 2;
	fd = file(argv[1]);
	if (SYS2(__NR_fstat, fd, &st))
		die("fstat");
	size = (u64)st.st_size;
	text = mmap(0, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, (int)fd, 0);
	if (text == MAP_FAILED)
		die("mmap");
	inode = inode_of(text);
	by_moving = str_eq(argv[2], "move");
	until_fault = atoi(argv[3]);
	pthread_create(&threads[0], 0, runs, 0);
	pthread_create(&threads[1], 0, watches, seen);
	for (int i = 4; i < argc; i++)
		printf("%ld\n", one(argv[1], argv[i]));
	until_fault = 0;
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(threads[0], 0);
	pthread_join(threads[1], 0);
	print_pages();
	printf("seen %s", str_eq(bad_call, "nothing") ? seen : bad_call);
	return 0;
}
