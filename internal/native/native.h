/* The freestanding helpers: what stays in the host after Go is gone. No libc, no
 * vector register, no errno, no stack protector, no system call on the path of a
 * hit. Everything is hidden; addresses of helpers reach a plan by number
 * (abi.h HELPER_*). */
#ifndef BPFTIME_NATIVE_H
#define BPFTIME_NATIVE_H

#include "structs.h"

#define HIDDEN __attribute__((visibility("hidden")))
#define HOT __attribute__((section(".bpftime_hot"), noinline))

/* Which lease a thread keeps: found by its fs base, which no two live threads of a
 * process share. */
struct bpftime_keeper {
	u64 fs; /* 0: free */
	u32 lease, has_lease;
};

#define BPFTIME_NKEEPERS 1022

/* Of this process image, whole pages, wiped in a forked child. */
struct bpftime_private {
	u64 origin;
	u32 proc, pid;
	u64 born, pad;
	struct bpftime_keeper keepers[BPFTIME_NKEEPERS];
};
_Static_assert(offsetof(struct bpftime_private, origin) == PRIVATE_ORIGIN, "abi.h");
_Static_assert(offsetof(struct bpftime_private, proc) == PRIVATE_PROC, "abi.h");
_Static_assert(offsetof(struct bpftime_private, pid) == PRIVATE_PID, "abi.h");
_Static_assert(offsetof(struct bpftime_private, born) == PRIVATE_BORN, "abi.h");
_Static_assert(sizeof(struct bpftime_private) % 4096 == 0, "whole pages");

/* A module whose frames can be walked (bpf_stack.c), rows as abi.h UNWIND_ROW; nrows 0:
 * it is gone. That, and where it lies, may change while it is 0. */
struct bpftime_module {
	u64 lo, hi, base; /* base: of the rows' addresses */
	const u32 *rows;
	u32 nrows, ours;
};

/* What a hit may need. Written once before the first patch, then constant. */
struct bpftime_resident {
	u32 guarded;                    /* SIGSEGV and SIGBUS are ours: see fault.c */
	u32 tick;                       /* nanoseconds: of the coarse clock */
	struct session *session;
	u32 proc;                       /* process slot + 1 of the process that was patched */
	u32 images;                     /* number of this process image: one more in each child that was hit */
	u32 tid_offset;                 /* where the libc keeps a thread's tid, from fs base; 0: unknown */
	long (*clock)(u64 id, u64 *timespec); /* the vDSO's clock_gettime, or 0 */
	long (*getcpu)(u32 *cpu, u32 *node, void *unused); /* the vDSO's, or 0 */
	u64 seed;                       /* of bpf_get_prandom_u32 */
	u64 pidns_dev, pidns_ino;       /* of the PID namespace at the start; 0: unknown */
	u32 no_tsc;                     /* reading the time-stamp counter is a fault (PR_SET_TSC): no vDSO for time */
	const volatile u64 *coarse;     /* seconds and nanoseconds of the coarse clock, where the vDSO reads them; 0: not known */
	u32 names;                      /* calls that change a thread's name are seen: see bpf_task.c */
	u32 nmodules;
	u32 nlate;
	struct bpftime_module *modules; /* for bpf_get_stack: nmodules in the order of addresses; from UNWIND_MODULES on nlate more */
	u8 *scratch;                    /* UNWIND_SCRATCH bytes for each lease; 0: no program asks for stacks */
};

_Static_assert(offsetof(struct bpftime_resident, guarded) == RESIDENT_GUARDED, "abi.h");

extern struct bpftime_resident bpftime_resident HIDDEN;
extern struct bpftime_private bpftime_private HIDDEN;
extern __thread struct bpftime_thread bpftime_self HIDDEN __attribute__((tls_model("initial-exec")));
extern u32 bpftime_shadow_off HIDDEN; /* not 0: stacks are copied here, no return by tactic (d) is probed any more */
extern void (*bpftime_dl_state)(void) HIDDEN; /* called by the thunk of _dl_debug_state */

static inline u64 fs_base(void)
{
	u64 v;

	__asm__("movq %%fs:0, %0" : "=r"(v));
	return v;
}

/* What the libc noted of this thread for its own use; 0: we do not know where. */
static inline u32 noted_tid(void)
{
	u32 at = bpftime_resident.tid_offset;

	return at ? *(volatile u32 *)(fs_base() + at) : 0;
}

HIDDEN u64 bpftime_helper(u32 id); /* address of HELPER_id, 0: there is none */
HIDDEN struct bpftime_thread *bpftime_thread_enter(struct bpftime_run *runs, u64 frame);
HIDDEN void bpftime_call_context(u32 kind, u64 frame); /* call.c: fills in a program's context */
HIDDEN void bpftime_execve_came(struct bpftime_run *runs); /* once, at the start: a new program has come */
HIDDEN void bpftime_missed(struct bpftime_run *runs); /* counts a miss of each */
HIDDEN void bpftime_private_ready(u32 proc); /* once, when the rest is; on the main thread */
/* trap.c: int3s that lead to stubs. 0 or -errno; 0: the table is full. */
HIDDEN long bpftime_trap_own(void);
HIDDEN void bpftime_trap_disown(void);
HIDDEN int bpftime_trap_add(u64 site, u64 target);
HIDDEN void bpftime_trap_remove(u64 site);
/* dispatch.c: system calls of sites that are not rewritten and not in our text. 0 or -errno. */
HIDDEN long bpftime_dispatch_own(u64 site, u64 lo, u64 size);
/* fault.c: reads of bad addresses. 0 or -errno. */
HIDDEN long bpftime_reads_own(void);
HIDDEN void bpftime_reads_disown(void);

HIDDEN void bpftime_bpf_ready(void); /* once before that: what the helpers of programs need to know */

#endif
