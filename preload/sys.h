/* System calls, strings and lines of text without libc: the host's libc may not
 * be initialised, may be musl, and its errno is not ours to change. */
#ifndef BPFTIME_SYS_H
#define BPFTIME_SYS_H

/* Laws 1 and 2: no vector register, and no loop that gcc turns into a call of
 * memcpy or strlen. Before everything else, so that inline functions obey too. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/stat.h>
#include <asm/stat.h>

#include "errors.h"
#include "structs.h"

#define HIDDEN __attribute__((visibility("hidden")))
#define PAGE 4096ul
#define page_down(v) ((v) & ~(PAGE - 1))
#define page_up(v) (((v) + PAGE - 1) & ~(PAGE - 1))

/* Errors are -errno, as the kernel returns them. */
#define failed(r) ((u64)(r) > -4096ul)

static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return r;
}

#define SYS4(n, a, b, c, d) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS3(n, a, b, c) SYS4(n, a, b, c, 0)
#define SYS2(n, a, b) SYS4(n, a, b, 0, 0)
#define SYS1(n, a) SYS4(n, a, 0, 0, 0)

static inline long sys_open(const char *path, int flags, int mode) { return SYS4(__NR_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode); }
static inline long sys_close(long fd) { return SYS1(__NR_close, fd); }
static inline long sys_read(long fd, void *to, u64 n) { return SYS3(__NR_read, fd, to, n); }
static inline long sys_mmap(u64 at, u64 size, int prot, int flags, long fd, u64 off) { return sys6(__NR_mmap, (long)at, (long)size, prot, flags, fd, (long)off); }
static inline long sys_munmap(u64 at, u64 size) { return SYS2(__NR_munmap, at, size); }
static inline long sys_mprotect(u64 at, u64 size, int prot) { return SYS3(__NR_mprotect, at, size, prot); }

static inline u64 str_len(const char *s)
{
	u64 n = 0;

	while (s[n])
		n++;
	return n;
}

static inline int str_eq(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static inline int str_prefix(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return 0;
	return 1;
}

static inline const char *str_base(const char *path)
{
	const char *base = path;

	for (; *path; path++)
		if (*path == '/')
			base = path + 1;
	return base;
}

static inline void mem_copy(void *to, const void *from, u64 n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static inline void mem_zero(void *to, u64 n)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0) : "memory");
}

static inline int mem_eq(const void *a, const void *b, u64 n)
{
	const u8 *x = a, *y = b;

	while (n--)
		if (*x++ != *y++)
			return 0;
	return 1;
}

/* A string, cut to max bytes with its NUL; none is an empty one. */
static inline void str_copy(char *to, u64 max, const char *from)
{
	u64 n = from ? str_len(from) : 0;

	n = n < max ? n : max - 1;
	mem_copy(to, from, n);
	to[n] = 0;
}

/* Text that is cut, never overrun; always ends with NUL. */
struct text {
	u64 n, max;
	char s[LOG_TEXT_SIZE];
};

#define TEXT(name) struct text name = {.max = sizeof name.s}

static inline struct text *put(struct text *t, const char *s)
{
	while (*s && t->n + 1 < t->max)
		t->s[t->n++] = *s++;
	t->s[t->n] = 0;
	return t;
}

static inline struct text *put_number(struct text *t, u64 v, u32 base)
{
	char digits[24];
	u32 at = sizeof digits;

	digits[--at] = 0;
	do
		digits[--at] = "0123456789abcdef"[v % base];
	while (v /= base);
	return put(t, digits + at);
}

static inline struct text *put_dec(struct text *t, u64 v) { return put_number(t, v, 10); }
static inline struct text *put_hex(struct text *t, u64 v) { return put_number(put(t, "0x"), v, 16); }

/* ": no space left", for what a user can do something about. */
static inline struct text *put_error(struct text *t, long r)
{
	static const struct {
		int error;
		char text[44];
	} known[] = {
		{EPERM_, "not permitted"}, {ENOENT_, "no such file or directory"}, {ENOMEM_, "no memory"},
		{EACCES_, "permission denied, or not our own"}, {EINVAL_, "not of this version, or not our own"},
		{ENFILE_, "too many open files in the system"}, {EMFILE_, "too many open files (RLIMIT_NOFILE)"},
		{EFBIG_, "beyond the file size limit (RLIMIT_FSIZE)"}, {ENOSPC_, "no space left"}, {EROFS_, "read-only file system"},
		{ENAMETOOLONG_, "the path is too long"},
	};

	for (u32 i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].error == -r)
			return put(put(t, ": "), known[i].text);
	return put_dec(put(t, ": error "), (u64)-r);
}

#endif
