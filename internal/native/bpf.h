/* Helpers that eBPF programs call, under the kernel's numbers (enum bpf_func_id).
 *
 * A helper is machine code like a program's: u64 f(r1, r2, r3, r4, r5), System V.
 * A sixth argument, that programs do not know of, is the context the running list
 * was entered with: &frame + FRAME_REGS of the thunk (abi.h). From it a helper finds
 * the thread with its lease, and the run with its cookie. The TLS would not do: a
 * borrower's lease is not in it.
 *
 * Laws: general registers only, no libc, no errno, nothing that allocates, little
 * stack. A system call only where the answer cannot be had without.
 */
#ifndef BPFTIME_BPF_H
#define BPFTIME_BPF_H

#include "native.h"

#define BPF_ARGS u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, u64 ctx

static inline struct bpftime_thread *thread_of(u64 ctx) { return *(struct bpftime_thread **)(ctx - FRAME_REGS + FRAME_THREAD); }
static inline struct bpftime_run *run_of(u64 ctx) { return *(struct bpftime_run **)(ctx - FRAME_REGS + FRAME_RUN); }

/* The address of a helper; 0: there is none of that number. */
HIDDEN u64 bpftime_bpf_helper(u32 id);

#endif
