// What the programs of this directory share: a session and a thread as the agent makes them, and calls as a program of
// eBPF makes them. Whatever is not as it should be is printed; the last line counts what was checked.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf.h"

u64 vdso_function(const char *name); // preload/vdso.c
const u64 *vdso_coarse(u64 page);

enum { // enum bpf_func_id
	PROBE_READ = 4, PROBE_WRITE_USER = 36, GET_CURRENT_TASK = 35, GET_CURRENT_TASK_BTF = 158, SEND_SIGNAL = 109, SEND_SIGNAL_THREAD = 117,
	SPIN_LOCK = 93, SPIN_UNLOCK = 94,
	GET_FUNC_ARG = 183, GET_FUNC_RET = 184, GET_FUNC_ARG_CNT = 185, COPY_FROM_USER = 148, KTIME_GET_NS = 5, TRACE_PRINTK = 6, GET_PRANDOM_U32 = 7, GET_SMP_PROCESSOR_ID = 8,
	GET_CURRENT_PID_TGID = 14, GET_CURRENT_UID_GID = 15, GET_CURRENT_COMM = 16, PROBE_READ_STR = 45,
	PROBE_READ_USER = 112, PROBE_READ_KERNEL = 113, PROBE_READ_USER_STR = 114, PROBE_READ_KERNEL_STR = 115,
	GET_NS_CURRENT_PID_TGID = 120, KTIME_GET_BOOT_NS = 125, KTIME_GET_COARSE_NS = 160, SNPRINTF = 165, GET_FUNC_IP = 173,
	GET_ATTACH_COOKIE = 174, TRACE_VPRINTK = 177, STRNCMP = 182, KTIME_GET_TAI_NS = 208,
};

// ---- checks, in all processes ----

static struct tally {
	int checks, failures;
} *tally;

#define check(condition, ...) \
	do { \
		__atomic_fetch_add(&tally->checks, 1, __ATOMIC_RELAXED); \
		if (condition) \
			break; \
		if (__atomic_fetch_add(&tally->failures, 1, __ATOMIC_RELAXED) < 20) { \
			char line_[512]; \
			int n_ = snprintf(line_, sizeof line_, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
			n_ += snprintf(line_ + n_, sizeof line_ - n_, __VA_ARGS__); \
			line_[n_++] = '\n'; \
			if (write(1, line_, n_) != n_) \
				abort(); \
		} \
	} while (0)

static inline void need(int condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	exit(99);
}

static inline void *pages(u64 n)
{
	void *p = mmap(0, n * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(p != MAP_FAILED, "mmap");
	return p;
}

static inline int finish(void)
{
	printf("%d checks, %d failures\n", tally->checks, tally->failures);
	return !!tally->failures;
}

// ---- the traced process ----

static struct bpftime_run run = {.cookie = 0x1122334455667788, .ip = 0x7f0000401000};

static inline u32 find_tid(void)
{
	u64 fs;
	__asm__("movq %%fs:0, %0" : "=r"(fs));
	for (u32 at = 16; at < 1024; at += 4)
		if (*(u32 *)(fs + at) == (u32)syscall(SYS_gettid))
			return at;
	return 0;
}

static inline struct session *map_session(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CREAT, 0600) : -1;
	struct session *s;
	if (!path)
		return pages(SESSION_SIZE / 4096);
	need(fd >= 0 && !ftruncate(fd, SESSION_SIZE), path);
	s = mmap(0, SESSION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(s != MAP_FAILED, path);
	close(fd);
	s->hdr.version = SESSION_VERSION;
	s->hdr.size = SESSION_SIZE;
	s->hdr.magic = SESSION_MAGIC;
	return s;
}

// As join of preload/session.c.
static inline void start(const char *session)
{
	struct bpftime_resident *r = &bpftime_resident;
	tally = pages(1);
	need(!madvise(&bpftime_private, sizeof bpftime_private, MADV_WIPEONFORK), "MADV_WIPEONFORK");
	r->proc = 1;
	r->tid_offset = find_tid();
	r->clock = (long (*)(u64, u64 *))vdso_function("__vdso_clock_gettime");
	r->getcpu = (long (*)(u32 *, u32 *, void *))vdso_function("__vdso_getcpu");
	bpftime_bpf_ready();
	r->session = map_session(session);
	bpftime_private_ready(1);
}

// ---- a program ----

typedef u64 (*helper)(u64, u64, u64, u64, u64, u64);

static int call_borrowed; // the lease is not the thread's own

// A thunk's frame, with a helper called below it.
static __attribute__((noinline)) u64 call5(u32 id, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	volatile u64 frame[FRAME_RA / 8 + 1];
	struct bpftime_thread borrower = bpftime_self;
	frame[FRAME_THREAD / 8] = (u64)(call_borrowed ? &borrower : &bpftime_self);
	frame[FRAME_RUN / 8] = (u64)&run;
	return ((helper)bpftime_bpf_helper(id))(r1, r2, r3, r4, r5, (u64)frame + FRAME_REGS);
}

#define FIRST_6(f, a, b, c, d, e, ...) f, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e)
#define call(...) call5(FIRST_6(__VA_ARGS__, 0, 0, 0, 0, 0, 0))

// ---- conditions ----

static inline void block_all(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, 0);
}

static inline void in_child(void (*f)(void))
{
	int status;
	pid_t pid = fork();
	need(pid >= 0, "fork");
	if (!pid) {
		f();
		_exit(0);
	}
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	check(!status, "a child ended with %#x", status);
}

static inline void in_thread(void (*f)(void), u64 stack)
{
	pthread_t t;
	pthread_attr_t a;
	pthread_attr_init(&a);
	need(!stack || !pthread_attr_setstacksize(&a, stack), "stack size");
	need(!pthread_create(&t, &a, (void *(*)(void *))f, 0), "pthread_create");
	pthread_join(t, 0);
}
