/* opensnoop: a record for each file that is opened, or is not, when the call returns. */
#include "gadget.bpf.h"
#include "syscall.bpf.h"

#define PATH_SIZE 256

struct event {
	__u64 time_ns;
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__s32 ret;
	__u32 flags;
	__u32 mode; /* of a file that may be made */
	__u32 unused;
	char comm[16];
	char path[PATH_SIZE];
};

/* Keeps the type in the object, for who prints the records. */
const struct event *unused __attribute__((unused));

/* 0, and for the user -1, is everybody. */
const volatile __u32 only_pid, only_tid;
const volatile __u32 only_uid = -1;
const volatile _Bool only_failed;

struct asked {
	const char *path;
	__u32 flags;
	__u32 mode;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32); /* thread */
	__type(value, struct asked);
} start SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

static __always_inline _Bool is_wanted(__u64 id)
{
	return (!only_pid || only_pid == id >> 32) && (!only_tid || only_tid == (__u32)id) &&
	       (only_uid == (__u32)-1 || only_uid == (__u32)bpf_get_current_uid_gid());
}

static __always_inline int enter(unsigned long path, __u32 flags, __u32 mode)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct asked a = {(const char *)path, flags, mode};
	__u32 thread = id;

	if (is_wanted(id))
		bpf_map_update_elem(&start, &thread, &a, BPF_ANY);
	return 0;
}

static __always_inline void fill(struct event *e, const struct asked *a, __s32 ret)
{
	__u64 id = bpf_get_current_pid_tgid();

	e->time_ns = bpf_ktime_get_ns();
	e->pid = id >> 32;
	e->tid = id;
	e->uid = bpf_get_current_uid_gid();
	e->ret = ret;
	e->flags = a->flags;
	e->mode = a->mode;
	bpf_get_current_comm(e->comm, sizeof e->comm);
	if (bpf_probe_read_user_str(e->path, sizeof e->path, a->path) < 0)
		e->path[0] = 0;
}

static __always_inline int leave(struct sys_exit *ctx)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct asked *a = bpf_map_lookup_elem(&start, &thread);
	struct event *e;

	if (!a)
		return 0;
	if (!only_failed || ctx->ret < 0) {
		e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
		if (e) {
			fill(e, a, ctx->ret);
			bpf_ringbuf_submit(e, 0);
		}
	}
	bpf_map_delete_elem(&start, &thread);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_open")
int enter_open(struct sys_enter *ctx)
{
	return enter(ctx->args[0], ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(struct sys_enter *ctx)
{
	return enter(ctx->args[1], ctx->args[2], ctx->args[3]);
}

SEC("tracepoint/syscalls/sys_enter_openat2")
int enter_openat2(struct sys_enter *ctx)
{
	struct {
		__u64 flags, mode;
	} how = {}; /* struct open_how begins so */

	bpf_probe_read_user(&how, sizeof how, (const void *)ctx->args[2]);
	return enter(ctx->args[1], how.flags, how.mode);
}

SEC("tracepoint/syscalls/sys_exit_open")
int exit_open(struct sys_exit *ctx)
{
	return leave(ctx);
}

SEC("tracepoint/syscalls/sys_exit_openat")
int exit_openat(struct sys_exit *ctx)
{
	return leave(ctx);
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int exit_openat2(struct sys_exit *ctx)
{
	return leave(ctx);
}
