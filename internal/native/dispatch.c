/* System calls of sites that are not rewritten: Syscall User Dispatch. The kernel makes a
 * SIGSYS of each call outside of our text, on threads that asked for it, and the thread
 * goes on in bpftime_syscall_dispatched, as if the site had been rewritten. 2 microseconds.
 *
 * What comes back twice has no frame of ours, so dispatch is off on its thread for that
 * one call, and the stub at the site, which all of these have, turns it on again: in the
 * child too, which the kernel begins without. Where there is no such stub, and behind an
 * int $0x80, the thread is not covered until it makes such a call.
 *
 * Turning it on and off are calls, which a seccomp filter of the host may kill for. So
 * dispatch ends for good when the host sets one: the byte the kernel asks is process-wide,
 * and stays mapped when a thread's TLS is gone.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "signals.h"

#include <asm/unistd.h>

enum { SYS_USER_DISPATCH_ = 2, SET_DISPATCH = 59, DISPATCH_OFF = 0, DISPATCH_ON = 1, FILTER_ALLOW = 0, FILTER_BLOCK = 1 };
enum { INSN_LEN = 2 }; /* of syscall, and of int $0x80 */
#define ARCH_X86_64 0xc000003eu

/* siginfo_t of a SIGSYS */
struct sigsys {
	int signo, error, code, pad;
	u64 addr;
	u32 nr, arch;
};

extern const char bpftime_syscall_dispatched[] HIDDEN; /* syscall.S */

u64 bpftime_dispatch_site; /* struct bpftime_call_site; 0: nothing is dispatched */
static u64 text, text_size; /* of the agent, whose calls are not dispatched */
static u8 selector = FILTER_ALLOW;

static long set(u64 mode, u64 at, u64 size, u64 byte) { return bpftime_syscall(__NR_prctl, SET_DISPATCH, mode, at, size, byte); }

static long cover(void) { return set(DISPATCH_ON, text, text_size, (u64)&selector); }

/* A foreign task has its parent's view of masks, and is about to become another program;
 * and a child may have lost all handlers (CLONE_CLEAR_SIGHAND). */
static int can_be_covered(void)
{
	struct kaction act;

	if (bpftime_signal_foreign() || failed(bpftime_syscall(__NR_rt_sigaction, SIGSYS_, 0, (u64)&act, SIGSET_SIZE, 0)))
		return 0;
	return act.handler == (u64)bpftime_signal_handler;
}

/* Counted in the slot of the process that was patched, as a child may have none. */
void bpftime_dispatch_thread(void)
{
	struct bpftime_resident *r = &bpftime_resident;

	if (selector == FILTER_BLOCK && (!can_be_covered() || failed(cover())) && r->proc)
		__atomic_fetch_add(&r->session->procs[r->proc - 1].uncovered, 1, __ATOMIC_RELAXED);
}

void bpftime_dispatch_end(void) { __atomic_store_n(&selector, FILTER_ALLOW, __ATOMIC_RELAXED); }

static int comes_back_twice(u32 nr)
{
	return nr == __NR_clone || nr == __NR_clone3 || nr == __NR_fork || nr == __NR_vfork;
}

/* The call is made again, at its site, as if there were no dispatch. */
static void let_pass(struct context *c)
{
	set(DISPATCH_OFF, 0, 0, 0);
	c->rip -= INSN_LEN;
}

/* Where the handler of another signal returns. It may have written a mask into its frame. */
static void return_from_signal(struct context *c)
{
	struct context *frame = (struct context *)c->rsp;
	u64 owned = frame->mask & bpftime_signals.owned;

	if (owned) {
		bpftime_signal_set_view(bpftime_signal_view() | owned);
		frame->mask &= ~owned;
	}
	c->rip = (u64)bpftime_signal_restorer;
}

/* The kernel has rolled the call back, up to its ip, which rcx has, and its flags, in r11. */
static int ours(struct info *info, struct context *c)
{
	const struct sigsys *s = (const struct sigsys *)info;

	if (info->code != SYS_USER_DISPATCH_ || !bpftime_dispatch_site)
		return 0;
	if (s->arch == ARCH_X86_64 && (u32)c->rax == __NR_rt_sigreturn)
		return_from_signal(c);
	else if (s->arch != ARCH_X86_64 || comes_back_twice((u32)c->rax))
		let_pass(c);
	else
		c->rip = (u64)bpftime_syscall_dispatched;
	return 1;
}

/* On the one thread there is, behind the last patch. 0, or -errno: then nothing is dispatched. */
long bpftime_dispatch_own(u64 site, u64 lo, u64 size)
{
	long r;

	if (bpftime_dispatch_site)
		return 0;
	text = lo;
	text_size = size;
	r = bpftime_signal_own(SIGSYS_, ours);
	if (r)
		return r;
	bpftime_dispatch_site = site;
	r = cover();
	if (failed(r)) {
		bpftime_dispatch_site = 0;
		bpftime_signal_disown(SIGSYS_);
		return r;
	}
	selector = FILTER_BLOCK;
	return 0;
}
