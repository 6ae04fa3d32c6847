/* The task that runs the program: what signals it gets, and what there is of its
 * task_struct.
 *
 * bpf_get_current_task points to one of our own making, with the members that vm/object
 * offers to CO-RE. There is one for each lease, since that is who may write there, with
 * what it points to: its group's leader, and its parent, which is its own. All pointers lead to
 * tasks, for ever; what one says is so until the lease's next call. Not known, and so
 * zero: the parent's name, and the leader's for other threads.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "signals.h"

#include <asm/unistd.h>

struct task {
	u32 pid, tgid;
	struct task *real_parent, *parent, *group_leader;
	char comm[16];
};
_Static_assert(offsetof(struct task, pid) == TASK_PID, "abi.h");
_Static_assert(offsetof(struct task, tgid) == TASK_TGID, "abi.h");
_Static_assert(offsetof(struct task, real_parent) == TASK_REAL_PARENT, "abi.h");
_Static_assert(offsetof(struct task, parent) == TASK_PARENT, "abi.h");
_Static_assert(offsetof(struct task, group_leader) == TASK_GROUP_LEADER, "abi.h");
_Static_assert(offsetof(struct task, comm) == TASK_COMM, "abi.h");
_Static_assert(sizeof(struct task) == TASK_SIZE, "abi.h");

static struct tasks {
	struct task current, leader, parent;
} tasks[SESSION_NLEASES];

static inline void set_task(struct task *t, u64 pid_tgid, struct task *parent, struct task *leader)
{
	t->pid = (u32)pid_tgid;
	t->tgid = (u32)(pid_tgid >> 32);
	t->real_parent = t->parent = parent;
	t->group_leader = leader;
}

/* The child of a vfork has its parent's TLS, and so its parent's pair; who its parent is,
 * the kernel says. Nobody else is the child of who it believes to be. */
static inline u64 own_pair(u64 id, u64 ppid)
{
	if (likely(id >> 32 != ppid))
		return id;
	return (u64)bpftime_syscall(__NR_getpid, 0, 0, 0, 0, 0) << 32 | (u32)bpftime_syscall(__NR_gettid, 0, 0, 0, 0, 0);
}

/* u64 bpf_get_current_task(void), struct task_struct *bpf_get_current_task_btf(void) */
HOT u64 bpftime_get_current_task(BPF_ARGS)
{
	struct tasks *t = &tasks[thread_of(ctx)->lease];
	u64 ppid = (u64)bpftime_syscall(__NR_getppid, 0, 0, 0, 0, 0), id = own_pair(bpftime_get_current_pid_tgid(), ppid);
	u64 leader = id >> 32 | (id >> 32) << 32;

	set_task(&t->parent, ppid | ppid << 32, &t->parent, &t->parent);
	set_task(&t->leader, leader, &t->parent, &t->leader);
	set_task(&t->current, id, &t->parent, id == leader ? &t->current : &t->leader);
	bpftime_get_current_comm((u64)t->current.comm, sizeof t->current.comm, 0, 0, 0, ctx);
	return (u64)&t->current;
}

/* Which task of the lease's a pointer says: its tgid << 32 | pid; 0: it is none. */
HOT u64 bpftime_task_id(u64 task, u32 lease)
{
	struct tasks *t = &tasks[lease];
	struct task *is = (struct task *)task;

	if (is != &t->current && is != &t->leader && is != &t->parent)
		return 0;
	return (u64)is->tgid << 32 | is->pid;
}

/* siginfo_t of a signal that the kernel sends. */
struct sent {
	int signo, error, code;
	u32 rest[29];
};
_Static_assert(sizeof(struct sent) == 128, "siginfo_t");

enum { SI_KERNEL_ = 0x80 };

/* The kernel lets a process say to itself that it was the kernel. A signal of ours that
 * says so would be taken for a fault. */
static inline void describe(struct sent *s, u32 sig)
{
	zero(s, sizeof *s);
	s->signo = (int)sig;
	s->code = sig && sig <= NSIGNALS && bpftime_signals.owned & bit_of(sig) ? 0 : SI_KERNEL_;
}

/* long bpf_send_signal(u32 sig): to the process */
HOT u64 bpftime_send_signal(BPF_ARGS)
{
	struct sent s;

	describe(&s, (u32)r1);
	return (u64)bpftime_syscall(__NR_rt_sigqueueinfo, (u64)bpftime_syscall(__NR_getpid, 0, 0, 0, 0, 0), (u32)r1, (u64)&s, 0, 0);
}

/* long bpf_send_signal_thread(u32 sig): to the thread */
HOT u64 bpftime_send_signal_thread(BPF_ARGS)
{
	struct sent s;
	u64 pid = (u64)bpftime_syscall(__NR_getpid, 0, 0, 0, 0, 0), tid = (u64)bpftime_syscall(__NR_gettid, 0, 0, 0, 0, 0);

	describe(&s, (u32)r1);
	return (u64)bpftime_syscall(__NR_rt_tgsigqueueinfo, pid, tid, (u32)r1, (u64)&s, 0);
}
