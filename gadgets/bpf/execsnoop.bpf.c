/* execsnoop: a record for each program that is to be executed, with its arguments, and
 * one for each such call that returns, in the new program if it succeeds. Where that has no
 * agent there is none. Whoever reads puts the two together by the thread. */
#include <bpf/bpf_core_read.h>

#include "gadget.bpf.h"
#include "syscall.bpf.h"

#define ARG_SIZE 128
#define MOST_ARGS 60
#define ARGS_SIZE (ARG_SIZE * MOST_ARGS)

struct event {
	__u64 time_ns;
	__u32 pid;
	__u32 tid;
	__u32 ppid;
	__u32 uid;
	__s32 ret;	 /* of a call that returned */
	__u32 returned;
	__u32 args_count; /* one more than there are where some were left out */
	__u32 args_size;
	char comm[16];
};

/* What follows the arguments, each with its NUL, of which args_size bytes are sent. */
struct scratch {
	struct event e;
	char args[ARGS_SIZE + ARG_SIZE];
};

const struct event *unused __attribute__((unused));

const volatile __u32 only_uid = -1;
const volatile __u32 max_args = 20; /* at most MOST_ARGS */

struct task_struct {
	struct task_struct *real_parent;
	int pid, tgid;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

static __always_inline _Bool is_wanted(void)
{
	return only_uid == (__u32)-1 || only_uid == (__u32)bpf_get_current_uid_gid();
}

/* The task knows who it is even in the child of a vfork, where most programs are executed. */
static __always_inline void describe(struct event *e)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	e->time_ns = bpf_ktime_get_ns();
	e->pid = BPF_CORE_READ(task, tgid);
	e->tid = BPF_CORE_READ(task, pid);
	e->ppid = BPF_CORE_READ(task, real_parent, tgid);
	e->uid = bpf_get_current_uid_gid();
	e->ret = e->returned = e->args_count = e->args_size = 0;
	bpf_get_current_comm(e->comm, sizeof e->comm);
}

/* Adds one argument. What cannot be read is empty. */
static __always_inline void add(struct scratch *s, const char *arg)
{
	char *to = s->args + s->e.args_size;
	long n;

	n = bpf_probe_read_user_str(to, ARG_SIZE, arg);
	if (n <= 0) {
		*to = 0;
		n = 1;
	}
	s->e.args_size += n;
	s->e.args_count++;
}

static __always_inline int enter(unsigned long path, unsigned long argv)
{
	const char *const *args = (const char *const *)argv;
	const char *arg;
	__u32 key = 0;
	struct scratch *s = bpf_map_lookup_elem(&scratches, &key);

	if (!s || !is_wanted())
		return 0;
	describe(&s->e);
	add(s, (const char *)path);
	for (__u32 i = 1; i < MOST_ARGS && i < max_args; i++) {
		arg = 0;
		bpf_probe_read_user(&arg, sizeof arg, &args[i]);
		if (!arg)
			break;
		add(s, arg);
	}
	arg = 0;
	if (s->e.args_count == max_args)
		bpf_probe_read_user(&arg, sizeof arg, &args[max_args]);
	if (arg)
		s->e.args_count++;
	bpf_ringbuf_output(&events, s, sizeof s->e + s->e.args_size, 0);
	return 0;
}

static __always_inline int leave(struct sys_exit *ctx)
{
	struct event e;

	if (!is_wanted())
		return 0;
	describe(&e);
	e.returned = 1;
	e.ret = ctx->ret;
	bpf_ringbuf_output(&events, &e, sizeof e, 0);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_execve")
int enter_execve(struct sys_enter *ctx)
{
	return enter(ctx->args[0], ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_enter_execveat")
int enter_execveat(struct sys_enter *ctx)
{
	return enter(ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_exit_execve")
int exit_execve(struct sys_exit *ctx)
{
	return leave(ctx);
}

SEC("tracepoint/syscalls/sys_exit_execveat")
int exit_execveat(struct sys_exit *ctx)
{
	return leave(ctx);
}
