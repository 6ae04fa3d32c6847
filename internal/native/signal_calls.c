/* System calls of the host that touch what is ours: made for it, with the owned bits
 * taken out on the way in and put back on the way out. See signals.h.
 *
 * Pointers are the host's and may be bad. They are read through process_vm_readv,
 * which says so; where that is refused they are read as they are, since the call that
 * is made for the host may not fail for our sake. Results go through the kernel first.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "signals.h"

#include <asm/unistd.h>

static inline long call6(u64 nr, const u64 a[6])
{
	register u64 r10 __asm__("r10") = a[3];
	register u64 r8 __asm__("r8") = a[4];
	register u64 r9 __asm__("r9") = a[5];
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return r;
}

static inline long as_it_is(const struct syscall_regs *r) { return call6(r->nr, r->a); }

/* Copies n bytes, a multiple of 8. 0: they cannot be read. */
static int take(u64 *to, u64 from, u64 n)
{
	struct span {
		u64 at, n;
	} local = {(u64)to, n}, remote = {from, n};
	long r = bpftime_syscall(__NR_process_vm_readv, (u64)bpftime_syscall(__NR_getpid, 0, 0, 0, 0, 0), (u64)&local, 1, (u64)&remote, 1);

	if (r == -EFAULT_)
		return 0;
	for (u64 i = 0; r != (long)n && i < n / 8; i++)
		to[i] = ((const volatile u64 *)from)[i];
	return 1;
}

/* What waited is sent again, to this thread. */
static void send_pending(u64 view)
{
	u64 due = bpftime_signal_due(view);
	u64 pid = (u64)bpftime_syscall(__NR_getpid, 0, 0, 0, 0, 0), tid = (u64)bpftime_syscall(__NR_gettid, 0, 0, 0, 0, 0);

	for (u32 sig = 1; due; sig++, due >>= 1)
		if (due & 1)
			bpftime_syscall(__NR_tgkill, pid, tid, sig, 0, 0);
}

static u64 changed(u64 view, u64 how, u64 bits)
{
	return how == SIG_BLOCK_ ? view | bits : how == SIG_UNBLOCK_ ? view & ~bits : bits;
}

/* int rt_sigprocmask(int how, const sigset_t *set, sigset_t *old, size_t size) */
static long procmask(const struct syscall_regs *r)
{
	u64 owned = bpftime_signals.owned, view = bpftime_signal_view(), set, kernel, a[6] = {r->a[0], r->a[1], r->a[2], r->a[3]};
	long result;

	if (r->a[3] != SIGSET_SIZE || (r->a[1] && !take(&set, r->a[1], sizeof set)))
		return as_it_is(r);
	if (r->a[1]) {
		kernel = set & ~owned;
		a[1] = (u64)&kernel;
	}
	result = call6(r->nr, a);
	if (failed(result))
		return result;
	if (r->a[2])
		*(volatile u64 *)r->a[2] |= view;
	if (r->a[1]) {
		bpftime_signal_set_view(changed(view, (u32)r->a[0], set & owned));
		send_pending(bpftime_signal_view());
	}
	return result;
}

/* An owned signal's action is the host's to set and ours to follow. The kernel writes
 * the old one first, so that it says what is wrong with the place. */
static long owned_action(const struct syscall_regs *r)
{
	struct kaction *host = &bpftime_signals.host[(u32)r->a[0]], act, old = *host;
	u64 a[6] = {r->a[0], 0, r->a[2], r->a[3]};
	long result;

	if (r->a[1] && !take((u64 *)&act, r->a[1], sizeof act))
		return -EFAULT_;
	result = call6(r->nr, a);
	if (failed(result))
		return result;
	if (r->a[1] && !bpftime_signal_foreign()) {
		act.mask &= ~(bit_of(9) | bit_of(19)); /* SIGKILL and SIGSTOP, which nobody blocks */
		*host = act;
		bpftime_signal_mirror((u32)r->a[0]);
	}
	if (r->a[2])
		*(struct kaction *)r->a[2] = old;
	return 0;
}

static long other_action(const struct syscall_regs *r)
{
	u64 *hidden = &bpftime_signals.hidden[(u32)r->a[0]], owned = bpftime_signals.owned, before = *hidden;
	u64 a[6] = {r->a[0], r->a[1], r->a[2], r->a[3]};
	struct kaction act;
	long result;

	if (r->a[1]) {
		if (!take((u64 *)&act, r->a[1], sizeof act))
			return as_it_is(r);
		if (!bpftime_signal_foreign())
			*hidden = act.mask & owned;
		act.mask &= ~owned;
		a[1] = (u64)&act;
	}
	result = call6(r->nr, a);
	if (failed(result))
		*hidden = before;
	else if (r->a[2])
		((struct kaction *)r->a[2])->mask |= before;
	return result;
}

/* int rt_sigaction(int sig, const struct sigaction *act, struct sigaction *old, size_t size) */
static long action(const struct syscall_regs *r)
{
	u32 sig = (u32)r->a[0];

	if (r->a[3] != SIGSET_SIZE || !sig || sig > NSIGNALS)
		return as_it_is(r);
	return bit_of(sig) & bpftime_signals.owned ? owned_action(r) : other_action(r);
}

/* A call that waits under another mask, its argument n. */
static long wait_under(const struct syscall_regs *r, u32 n)
{
	struct syscall_regs to = *r;
	u64 mask;

	if (!r->a[n] || !take(&mask, r->a[n], sizeof mask))
		return as_it_is(r);
	mask &= ~bpftime_signals.owned;
	to.a[n] = (u64)&mask;
	return as_it_is(&to);
}

/* The same where the sixth argument points to {mask, its size}. */
static long wait_under_pair(const struct syscall_regs *r)
{
	u64 pair[2];
	struct syscall_regs inner = {.a = {0}}, to = *r;
	u64 mask;

	if (!r->a[5] || !take(pair, r->a[5], sizeof pair))
		return as_it_is(r);
	inner.a[0] = pair[0];
	if (!inner.a[0] || !take(&mask, inner.a[0], sizeof mask))
		return as_it_is(r);
	mask &= ~bpftime_signals.owned;
	pair[0] = (u64)&mask;
	to.a[5] = (u64)pair;
	return as_it_is(&to);
}

static void set_ignored(u64 handler)
{
	struct kaction act;

	for (u32 sig = 1; sig <= NSIGNALS; sig++) {
		if (!(bit_of(sig) & bpftime_signals.owned) || bpftime_signals.host[sig].handler != SIG_IGN_)
			continue;
		if (failed(bpftime_syscall(__NR_rt_sigaction, sig, 0, (u64)&act, SIGSET_SIZE, 0)))
			continue;
		act.handler = handler;
		bpftime_syscall(__NR_rt_sigaction, sig, (u64)&act, 0, SIGSET_SIZE, 0);
	}
}

/* A mask and an ignored signal outlive exec: the program that comes gets the host's. */
static long exec(const struct syscall_regs *r)
{
	u64 view = bpftime_signal_view();
	long result;

	bpftime_signal_forget();
	set_ignored(SIG_IGN_);
	bpftime_syscall(__NR_rt_sigprocmask, SIG_BLOCK_, (u64)&view, 0, SIGSET_SIZE, 0);
	result = as_it_is(r);
	bpftime_syscall(__NR_rt_sigprocmask, SIG_UNBLOCK_, (u64)&view, 0, SIGSET_SIZE, 0);
	set_ignored((u64)bpftime_signal_handler);
	bpftime_signal_set_view(view);
	return result;
}

/* Not about signals: whoever has a name of the thread in mind, forgets it; dispatch ends
 * before a filter, and is not the host's while it is ours: as of a kernel without it. */
static long control(const struct syscall_regs *r)
{
	u32 option = (u32)r->a[0];
	long result;

	if (option == 59 /* PR_SET_SYSCALL_USER_DISPATCH */ && bpftime_dispatch_site)
		return -EINVAL_;
	if (option == 22 /* PR_SET_SECCOMP */)
		bpftime_dispatch_end();
	result = as_it_is(r);
	if (option == 15 /* PR_SET_NAME */)
		bpftime_self.named = 0;
	return result;
}

/* Called by syscall.S. The list of numbers is in abi.h. */
long bpftime_signal_call(struct syscall_regs *r)
{
	switch ((u32)r->nr) {
	case __NR_rt_sigaction:
		return action(r);
	case __NR_rt_sigprocmask:
		return procmask(r);
	case __NR_rt_sigsuspend:
		return wait_under(r, 0);
	case __NR_ppoll:
		return wait_under(r, 3);
	case __NR_epoll_pwait:
	case 441 /* epoll_pwait2 */:
		return wait_under(r, 4);
	case __NR_pselect6:
		return wait_under_pair(r);
	case __NR_execve:
	case __NR_execveat:
		return exec(r);
	case __NR_prctl:
		return control(r);
	case __NR_seccomp:
		bpftime_dispatch_end();
		break;
	}
	return as_it_is(r);
}

/* Called by thunks_syscall.S: the same for the call whose pt_regs are in the frame. */
long bpftime_call_guarded(struct syscall_regs *r, u64 frame)
{
	const u64 *regs = (const u64 *)(frame + FRAME_CALL_REGS);

	*r = (struct syscall_regs){
		regs[PT_ORIG_RAX / 8],
		{regs[PT_RDI / 8], regs[PT_RSI / 8], regs[PT_RDX / 8], regs[PT_R10 / 8], regs[PT_R8 / 8], regs[PT_R9 / 8]},
		regs[PT_EFLAGS / 8],
	};
	return bpftime_signal_call(r);
}
