/* A process that runs programs' helpers without the agent: maps a session and maps,
 * and calls as a thunk would, under a lease of its choice. */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "map.h"

struct bpftime_resident bpftime_resident;
struct bpftime_private bpftime_private;

long bpftime_syscall(long nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	long r = syscall(nr, a, b, c, d, e);

	return r < 0 ? -errno : r;
}

/* The frame of a thunk, as far as helpers look at it. */
struct caller {
	struct bpftime_thread *thread;
	struct bpftime_run *run;
	u64 regs[PT_SIZE / 8];
	struct bpftime_thread self;
	struct bpftime_run first;
};

static inline u64 context(struct caller *c) { return (u64)c + FRAME_REGS; }

static inline void die(const char *what)
{
	perror(what);
	exit(3);
}

static inline void caller_init(struct caller *c, u32 lease, u32 link)
{
	c->thread = &c->self;
	c->run = &c->first;
	c->self.lease = lease;
	c->self.counters = (u64)bpftime_resident.session->counters[lease];
	c->first.counter = link * 8;
}

/* What a thunk does before each program. */
static inline void new_run(struct caller *c) { ++*(volatile u64 *)(c->self.counters + c->run->counter); }

static inline u64 file_size(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		die("fstat");
	return (u64)st.st_size;
}

/* Around a mapping, so that whoever leaves it is seen. */
#define GUARD (16ul << 30)

static inline void *reserve(u64 size)
{
	u8 *at = mmap(0, size + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		die("mmap");
	return at + GUARD;
}

/* What an applier has to do: the header, for ourselves alone, then the check; the file
 * behind it, and its records a second time when it is a ring. */
static inline struct map_header *map_open(const char *path)
{
	int fd = open(path, O_RDWR);
	u64 size = fd < 0 ? 0 : file_size(fd), again;
	static union {
		struct map_header h;
		u8 page[4096];
	} head;
	struct map_header *h;

	if (fd < 0 || pread(fd, &head, sizeof head, 0) != sizeof head)
		die(path);
	if (bpftime_map_check(&head.h, size))
		return 0;
	again = is_ring(&head.h) ? head.h.stride : 0;
	h = reserve(size + again);
	if (mmap(h, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    (again && mmap((u8 *)h + size, again, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, MAP_RING_OFF) == MAP_FAILED) ||
	    mmap(h, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		die("mmap");
	memcpy(h, &head, sizeof head);
	if (mprotect(h, 4096, PROT_READ))
		die(path);
	close(fd);
	bpftime_ring_add(h);
	return h;
}

/* Without a session there are leases all the same. */
static inline void session_open(const char *path, u32 proc)
{
	int fd = strcmp(path, "-") ? open(path, O_RDWR) : -1;
	void *s = mmap(0, SESSION_SIZE, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	if (s == MAP_FAILED)
		die(path);
	bpftime_resident.session = s;
	bpftime_private.proc = bpftime_resident.proc = proc;
}

#endif
