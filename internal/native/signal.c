/* The handler of owned signals, and how a signal becomes one. See signals.h. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "signals.h"

#include <asm/unistd.h>

struct bpftime_signals bpftime_signals;

/* A set of signals that may be owned, in a byte of the TLS: BLOCKED_*. */
static const u8 own_able[] = {SIGTRAP_, SIGBUS_, SIGSEGV_, SIGSYS_};

static u8 pack(u64 bits)
{
	u8 v = 0;

	for (u32 i = 0; i < sizeof own_able; i++)
		v |= (u8)((bits >> (own_able[i] - 1) & 1) << i);
	return v;
}

static u64 unpack(u8 v)
{
	u64 bits = 0;

	for (u32 i = 0; i < sizeof own_able; i++)
		bits |= (u64)(v >> i & 1) << (own_able[i] - 1);
	return bits;
}

/* Views of foreign tasks that have set one: tid << 32 | bits. Before, and if another's
 * pushes it out, it is the parent's: a child between vfork and exec is rarely not alone. */
#define NFOREIGN 64
static u64 foreign[NFOREIGN];

static inline u32 gettid(void) { return (u32)bpftime_syscall(__NR_gettid, 0, 0, 0, 0, 0); }

int bpftime_signal_foreign(void) { return noted_tid() != gettid(); }

/* Owned signals are among the first 32. */
u64 bpftime_signal_view(void)
{
	u32 tid = gettid();
	u64 v = foreign[tid % NFOREIGN];

	if (noted_tid() == tid)
		return unpack(bpftime_self.blocked);
	return v >> 32 == tid ? (u32)v : unpack(bpftime_self.blocked);
}

void bpftime_signal_set_view(u64 bits)
{
	u32 tid = gettid();

	if (noted_tid() == tid)
		bpftime_self.blocked = pack(bits);
	else
		foreign[tid % NFOREIGN] = (u64)tid << 32 | (u32)bits;
}

/* Those that waited and that the host believes unblocked now. */
u64 bpftime_signal_due(u64 view)
{
	u8 due = bpftime_self.pending & (u8)~pack(view);

	bpftime_self.pending &= (u8)~due;
	return unpack(due);
}

/* A foreign task is about to become another program. */
void bpftime_signal_forget(void)
{
	u32 tid = gettid();
	u64 *v = &foreign[tid % NFOREIGN];

	if (*v >> 32 == tid)
		*v = 0;
}

static inline long set_action(u32 sig, const struct kaction *act, struct kaction *old)
{
	return bpftime_syscall(__NR_rt_sigaction, sig, (u64)act, (u64)old, SIGSET_SIZE, 0);
}

/* As if nobody had caught it. A fault happens again, at the same instruction; a trap is
 * behind its instruction already, and is sent again, as is what was sent. */
static void kill_by_default(u32 sig, const struct info *info)
{
	struct kaction none = {SIG_DFL_, 0, 0, 0};
	u64 pid = (u64)bpftime_syscall(__NR_getpid, 0, 0, 0, 0, 0);

	set_action(sig, &none, 0);
	if (info->code <= 0 || (sig != SIGSEGV_ && sig != SIGBUS_))
		bpftime_syscall(__NR_tgkill, pid, gettid(), sig, 0, 0);
}

typedef void host_handler(int sig, struct info *info, struct context *c);

/* Before the host's handler runs as the kernel would have run it. The kernel has blocked
 * its mask, and rt_sigreturn takes that back; owned signals are blocked only in its view. */
static host_handler *enter_host_handler(u32 sig, struct context *c, struct kaction act)
{
	u64 owned = bpftime_signals.owned, view = bpftime_signal_view();
	u64 mask = act.mask | (act.flags & SA_NODEFER_ ? 0 : bit_of(sig));

	if (act.flags & (u32)SA_RESETHAND_)
		bpftime_signals.host[sig].handler = SIG_DFL_;
	c->mask |= view;
	bpftime_signal_set_view(view | (mask & owned));
	return (host_handler *)act.handler;
}

static __attribute__((noinline)) void leave_host_handler(struct context *c)
{
	u64 owned = bpftime_signals.owned;

	bpftime_signal_set_view(c->mask & owned);
	c->mask &= ~owned;
}

/* What the host would have got: its handler, or 0 when it has none or does not get it
 * now. An owned signal that was sent while the host believes it blocked waits, as a bit,
 * until it is unblocked. */
static __attribute__((noinline)) host_handler *forward(u32 sig, struct info *info, struct context *c)
{
	struct kaction act = bpftime_signals.host[sig];
	int sent = info->code <= 0, blocked = (bpftime_signal_view() & bit_of(sig)) != 0;

	if (blocked && sent)
		bpftime_self.pending |= pack(bit_of(sig));
	else if (blocked || act.handler == SIG_DFL_ || (act.handler == SIG_IGN_ && !sent))
		kill_by_default(sig, info);
	else if (act.handler != SIG_IGN_)
		return enter_host_handler(sig, c, act);
	return 0;
}

/* What the kernel calls. An alternate stack may have little room: below the host's
 * handler there are a few words of ours, what else we need is gone by then. */
void bpftime_signal_handler(int sig, struct info *info, struct context *c)
{
	host_handler *host = bpftime_signals.ours[sig](info, c) ? 0 : forward((u32)sig, info, c);

	if (!host)
		return;
	host(sig, info, c);
	leave_host_handler(c);
}

/* Which stack it comes on and whether an interrupted call is made again shows. So both are
 * as the host wants them. */
long bpftime_signal_mirror(u32 sig)
{
	const struct kaction *host = &bpftime_signals.host[sig];
	struct kaction act = {(u64)bpftime_signal_handler, SA_SIGINFO_ | SA_RESTORER_ | SA_NODEFER_ | SA_RESTART_, (u64)bpftime_signal_restorer, 0};

	if (host->handler != SIG_DFL_ && host->handler != SIG_IGN_) {
		act.flags &= ~(u64)SA_RESTART_;
		act.flags |= host->flags & (SA_ONSTACK_ | SA_RESTART_);
		act.mask = host->mask & ~bpftime_signals.owned;
	}
	return set_action(sig, &act, 0);
}

/* Takes the owned bits out of the masks of all handlers. */
static void strip_actions(u64 owned)
{
	struct kaction act;

	for (u32 sig = 1; sig <= NSIGNALS; sig++) {
		if (bit_of(sig) & owned)
			bpftime_signal_mirror(sig);
		if ((bit_of(sig) & owned) || failed(set_action(sig, 0, &act)) || !(act.mask & owned))
			continue;
		bpftime_signals.hidden[sig] |= act.mask & owned;
		act.mask &= ~owned;
		set_action(sig, &act, 0);
	}
}

/* Takes a signal over, while the process has one thread. ours says whether one is ours. 0, or -errno: nothing was changed. */
long bpftime_signal_own(u32 sig, int (*ours)(struct info *info, struct context *c))
{
	struct bpftime_signals *s = &bpftime_signals;
	u64 mine = bit_of(sig), mask = 0;
	long r;

	if (s->owned & mine)
		return 0;
	if (!bpftime_resident.tid_offset)
		return -ENOSYS_;
	s->ours[sig] = ours;
	r = set_action(sig, 0, &s->host[sig]);
	if (failed(r))
		return r;
	s->owned |= mine;
	r = bpftime_signal_mirror(sig);
	if (failed(r)) {
		s->owned &= ~mine;
		return r;
	}
	strip_actions(s->owned);
	bpftime_syscall(__NR_rt_sigprocmask, SIG_UNBLOCK_, (u64)&mine, (u64)&mask, SIGSET_SIZE, 0);
	bpftime_self.blocked |= pack(mask & mine);
	return 0;
}

/* Gives it back: the plan that needed it was not applied. */
void bpftime_signal_disown(u32 sig)
{
	struct bpftime_signals *s = &bpftime_signals;
	u64 mine = bit_of(sig);

	if (!(s->owned & mine))
		return;
	s->owned &= ~mine;
	set_action(sig, &s->host[sig], 0);
	if (bpftime_self.blocked & pack(mine))
		bpftime_syscall(__NR_rt_sigprocmask, SIG_BLOCK_, (u64)&mine, 0, SIGSET_SIZE, 0);
	bpftime_self.blocked &= (u8)~pack(mine);
	for (u32 i = 1; i <= NSIGNALS; i++) {
		struct kaction act;

		if (s->owned & bit_of(i))
			bpftime_signal_mirror(i);
		if (!(s->hidden[i] & mine) || failed(set_action(i, 0, &act)))
			continue;
		act.mask |= mine;
		set_action(i, &act, 0);
		s->hidden[i] &= ~mine;
	}
}
