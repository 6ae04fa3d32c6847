/* The freestanding helpers: what stays in the host after Go is gone. No libc, no
 * vector register, no errno, no stack protector, no system call on the path of a
 * hit. Everything is hidden; addresses of helpers reach a plan by number
 * (abi.h HELPER_*). */
#ifndef BPFTIME_NATIVE_H
#define BPFTIME_NATIVE_H

#include "structs.h"

#define HIDDEN __attribute__((visibility("hidden")))
#define HOT __attribute__((section(".bpftime_hot"), noinline))

/* Private to this process image, wiped in a forked child (MADV_WIPEONFORK). */
struct bpftime_private {
	u32 proc; /* our process slot + 1; 0: a child that has not taken one yet */
	u32 pad[1023];
};

#define BPFTIME_NTHREADS 1024

/* What a hit may need. Written once before the first patch, then constant. */
struct bpftime_resident {
	struct session *session;
	struct bpftime_private *priv;
	struct bpftime_thread *threads; /* BPFTIME_NTHREADS entries, wiped like priv */
	u32 proc;                       /* process slot + 1 of the process that was patched */
	u32 tid_offset;                 /* where the libc keeps a thread's tid, from fs base; 0: unknown */
};

extern struct bpftime_resident bpftime_resident HIDDEN;
extern void (*bpftime_dl_state)(void) HIDDEN; /* called by the thunk of _dl_debug_state */

HIDDEN u64 bpftime_helper(u32 id); /* address of HELPER_id, 0: there is none */
HIDDEN struct bpftime_thread *bpftime_thread_enter(struct bpftime_run *runs, u64 frame);
HIDDEN void bpftime_thread_first(void);

#endif
