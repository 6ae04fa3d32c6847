/* Helpers that eBPF programs call, under the kernel's numbers (enum bpf_func_id).
 *
 * A helper is machine code like a program's: u64 f(r1, r2, r3, r4, r5), System V.
 * A sixth argument, that programs do not know of, is the context the running list
 * was entered with: &frame + FRAME_REGS of the thunk (abi.h). From it a helper finds
 * the thread with its lease, and the run with its cookie. The TLS would not do: a
 * borrower's lease is not in it.
 *
 * Laws: general registers only, no libc, no errno, nothing that allocates, little
 * stack. A system call only where the answer cannot be had without, and only
 * through bpftime_syscall. Results and errors are the kernel's. Pointers to memory
 * of the program (the stack, maps) are the verifier's care and are used as they are;
 * addresses of the host's memory are anything at all.
 */
#ifndef BPFTIME_BPF_H
#define BPFTIME_BPF_H

#include "errors.h"
#include "native.h"

#define UNUSED __attribute__((unused))
#define BPF_ARGS u64 r1 UNUSED, u64 r2 UNUSED, u64 r3 UNUSED, u64 r4 UNUSED, u64 r5 UNUSED, u64 ctx UNUSED

static inline struct bpftime_thread *thread_of(u64 ctx) { return *(struct bpftime_thread **)(ctx - FRAME_REGS + FRAME_THREAD); }
static inline struct bpftime_run *run_of(u64 ctx) { return *(struct bpftime_run **)(ctx - FRAME_REGS + FRAME_RUN); }

/* struct pt_regs, from whatever context. */
static inline u64 regs_of(u64 ctx) { return run_of(ctx)->session >= SYSCALL_RAW ? ctx + SYSCALL_REGS : ctx; }

/* A function of the program, handed to a helper by its address. The context is what lets
 * the helpers that it calls in turn find theirs. */
typedef u64 callback(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, u64 ctx);

/* Errors are -errno in all 64 bits, as the kernel's helpers return them. */
#define failed(r) ((u64)(r) > -4096ul)
static inline u64 error(int e) { return (u64)-(s64)e; }

#define likely(c) __builtin_expect(!!(c), 1)

static inline void zero(void *to, u64 n)
{
	for (u8 *at = to; n; n--)
		*(volatile u8 *)at++ = 0;
}

/* The address of a helper; 0: there is none of that number. */
HIDDEN u64 bpftime_bpf_helper(u32 id);

/* A system call. Its result is what the kernel returns. */
HIDDEN long bpftime_syscall(long nr, u64 a, u64 b, u64 c, u64 d, u64 e);

/* bpf_read.c: 4, 36, 45, 112 to 115, 148 */
HIDDEN u64 bpftime_probe_read(BPF_ARGS);
HIDDEN u64 bpftime_probe_read_str(BPF_ARGS);
HIDDEN long bpftime_read_ahead(u8 *to, u64 from, u64 n, u64 ctx);
HIDDEN u64 bpftime_probe_write_user(BPF_ARGS);

/* bpf_stack.c: 27, 67 */
HIDDEN u64 bpftime_get_stackid(BPF_ARGS);
HIDDEN u64 bpftime_get_stack(BPF_ARGS);

/* bpf_task.c: 14, 15, 16, 120, and what runs where */
HIDDEN u64 bpftime_get_current_pid_tgid(void);
HIDDEN u64 bpftime_get_current_uid_gid(void);
HIDDEN u64 bpftime_get_current_comm(BPF_ARGS);
HIDDEN u64 bpftime_get_ns_current_pid_tgid(u64 dev, u64 ino, u64 to, u64 size);
HIDDEN u64 bpftime_get_smp_processor_id(void);
HIDDEN u64 bpftime_get_prandom_u32(BPF_ARGS);
HIDDEN u64 bpftime_get_func_ip(BPF_ARGS);
HIDDEN u64 bpftime_get_attach_cookie(BPF_ARGS);

/* bpf_current.c: 35 and 158, 109, 117 */
HIDDEN u64 bpftime_task_id(u64 task, u32 lease);
HIDDEN u64 bpftime_get_current_task(BPF_ARGS);
HIDDEN u64 bpftime_send_signal(BPF_ARGS);
HIDDEN u64 bpftime_send_signal_thread(BPF_ARGS);

/* bpf_regs.c: 58, which writes to pt_regs; 183 to 185 */
HIDDEN u64 bpftime_override_return(BPF_ARGS);
HIDDEN u64 bpftime_get_func_arg(BPF_ARGS);
HIDDEN u64 bpftime_get_func_ret(BPF_ARGS);
HIDDEN u64 bpftime_get_func_arg_cnt(BPF_ARGS);

/* session.c: kfuncs */
HIDDEN u64 bpftime_session_is_return(BPF_ARGS);
HIDDEN u64 bpftime_session_cookie(BPF_ARGS);

/* bpf_time.c: 5, 118, 125, 160, 208 */
HIDDEN u64 bpftime_jiffies64(void);
HIDDEN u64 bpftime_ktime_get_ns(void);
HIDDEN u64 bpftime_ktime_get_boot_ns(void);
HIDDEN u64 bpftime_ktime_get_coarse_ns(void);
HIDDEN u64 bpftime_ktime_get_tai_ns(void);

/* bpf_printk.c: 6, 165, 177 */
HIDDEN u64 bpftime_trace_printk(BPF_ARGS);
HIDDEN u64 bpftime_trace_vprintk(BPF_ARGS);
HIDDEN u64 bpftime_snprintf(BPF_ARGS);

/* bpf_loop.c: 181 */
HIDDEN u64 bpftime_loop(BPF_ARGS);

/* bpf_number.c: 28, 105, 106 */
HIDDEN u64 bpftime_csum_diff(u64 from, u64 from_size, u64 to, u64 to_size, u64 seed);
HIDDEN u64 bpftime_strtol(u64 buf, u64 size, u64 flags, u64 to);
HIDDEN u64 bpftime_strtoul(u64 buf, u64 size, u64 flags, u64 to);

/* bpf_spin.c: 93, 94 */
HIDDEN u64 bpftime_spin_lock(BPF_ARGS);
HIDDEN u64 bpftime_spin_unlock(BPF_ARGS);

/* bpf_string.c: 182 */
HIDDEN u64 bpftime_strncmp(u64 s1, u64 size, u64 s2);

#endif
