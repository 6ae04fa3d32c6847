/* Signals that are ours, though the process is the host's (law 9).
 *
 * A synchronous fault whose signal is blocked, or whose handler somebody else has
 * set, kills. So who owns a signal's handler owns its mask too: in the kernel the
 * signal is never blocked and its handler is ours, and the host sees what it set.
 *
 *   signal.c        the handler: ours first, then what the host would have got
 *   signal_calls.c  the host's system calls that set or wait with a mask, or set a
 *                   handler; their sites are rewritten (syscall.S)
 *   trap.c          SIGTRAP: functions that no jump fits into
 *   dispatch.c      SIGSYS: system calls of sites that are not rewritten
 *   fault.c         SIGSEGV and SIGBUS: programs read what may not be there
 *
 * What the host believes is kept where it belongs: which owned signals are blocked,
 * in the thread's TLS (its *view*); what it wants done with them, and which of them
 * its other handlers block, once for the process.
 *
 * A child that shares our memory (vfork, posix_spawn) has its parent's TLS. It is
 * *foreign*: the libc's note of the thread's id is not its own. Its masks are
 * stripped as everybody's, its view is kept apart until it calls exec, and what it
 * sets for an owned signal is not recorded: exec resets a handler anyway.
 *
 * What the host can still tell: while one of its handlers for another signal runs, the
 * owned signals of that handler's sa_mask are not blocked, and it does not see them in
 * its mask; and one that waited comes without its siginfo.
 */
#ifndef BPFTIME_SIGNALS_H
#define BPFTIME_SIGNALS_H

#include "bpf.h"

/* struct kernel_sigaction (arch/x86/include/uapi/asm/signal.h) */
struct kaction {
	u64 handler, flags, restorer, mask;
};

#define SIGSET_SIZE 8
#define NSIGNALS 64
#define bit_of(sig) (1ul << ((sig)-1))

enum { SIGTRAP_ = 5, SIGBUS_ = 7, SIGSEGV_ = 11, SIGSYS_ = 31 };
enum { SIG_DFL_ = 0, SIG_IGN_ = 1, SIG_BLOCK_ = 0, SIG_UNBLOCK_ = 1, SIG_SETMASK_ = 2 };
enum { SA_SIGINFO_ = 4, SA_RESTORER_ = 0x04000000, SA_ONSTACK_ = 0x08000000, SA_RESTART_ = 0x10000000, SA_NODEFER_ = 0x40000000, SA_RESETHAND_ = (int)0x80000000 };

/* Bits of bpftime_thread.blocked. */
enum { BLOCKED_TRAP = 1, BLOCKED_BUS = 2, BLOCKED_SEGV = 4, BLOCKED_SYS = 8 };
_Static_assert((BLOCKED_BUS | BLOCKED_SEGV) == BLOCKED_FAULTS, "abi.h");

/* siginfo_t and ucontext_t of x86-64, as far as they are looked at. */
struct info {
	int signo, error, code;
};
struct context {
	u64 flags, link, stack[3];
	u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	u64 segments, err, trapno, oldmask, cr2, fpstate, reserved[8];
	u64 mask;
};
_Static_assert(offsetof(struct context, mask) == 296, "struct ucontext");
_Static_assert(offsetof(struct context, rip) == 168, "struct sigcontext");

/* What the host believes. */
struct bpftime_signals {
	u64 owned;                       /* bits of signals that are ours */
	struct kaction host[NSIGNALS + 1]; /* of owned signals: what the host set */
	u64 hidden[NSIGNALS + 1];        /* of other signals: owned bits that the host has in sa_mask */
	int (*ours[NSIGNALS + 1])(struct info *info, struct context *c); /* 1: it was ours, and is done */
};
extern struct bpftime_signals bpftime_signals HIDDEN;

/* signal.c: takes a signal over while the process has one thread, and gives it back. */
HIDDEN long bpftime_signal_own(u32 sig, int (*ours)(struct info *info, struct context *c));
HIDDEN void bpftime_signal_disown(u32 sig);

/* The kernel's action of an owned signal is our handler, under as much of the host's mask and flags as shows. */
HIDDEN long bpftime_signal_mirror(u32 sig);

/* Owned bits that the running task believes blocked. */
HIDDEN u64 bpftime_signal_view(void);
HIDDEN void bpftime_signal_set_view(u64 bits);
HIDDEN u64 bpftime_signal_due(u64 view);
HIDDEN int bpftime_signal_foreign(void);
HIDDEN void bpftime_signal_forget(void);

HIDDEN void bpftime_signal_handler(int sig, struct info *info, struct context *c);
extern const char bpftime_signal_restorer[] HIDDEN; /* syscall.S */

/* A system call that was rewritten: its number and arguments, and the flags. */
struct syscall_regs {
	u64 nr, a[6], flags;
};
HIDDEN long bpftime_signal_call(struct syscall_regs *r);
HIDDEN long bpftime_call_guarded(struct syscall_regs *r, u64 frame);

/* dispatch.c: turns dispatch on for this thread, if there is any; ends it for all. */
HIDDEN void bpftime_dispatch_thread(void);
HIDDEN void bpftime_dispatch_end(void);
extern u64 bpftime_dispatch_site HIDDEN;

#endif
