/* syscount: how often each system call is made, or each process makes one; and how long
 * they take. Plain counting needs the entry alone (count); what is asked about results
 * and time needs both ends (enter, leave). */
#include "gadget.bpf.h"
#include "syscall.bpf.h"

#define CALLS 512 /* numbers below are counted by themselves, all others under the last */
#define SLOTS 40

/* 0 is everybody, and any error. */
const volatile __u32 only_pid;
const volatile __u32 only_errno;
const volatile _Bool only_failed, by_process, timed;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CALLS);
	__type(key, __u32); /* number */
	__type(value, __u64);
} counts SEC(".maps");

/* Threads that are gone leave what they began, so the oldest makes room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32); /* thread */
	__type(value, __u64);
} start SEC(".maps");

struct calls {
	__u64 count;
	__u64 total_ns;
	char comm[16];
	__u64 latency_ns[SLOTS]; /* log2 */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32); /* number, or process */
	__type(value, struct calls);
} calls SEC(".maps");

static const struct calls none;

static __always_inline __u32 number(long id)
{
	return (unsigned long)id < CALLS ? id : CALLS - 1;
}

static __always_inline _Bool is_wanted(__u64 id)
{
	return !only_pid || only_pid == id >> 32;
}

static __always_inline struct calls *calls_of(__u32 key)
{
	struct calls *c = bpf_map_lookup_elem(&calls, &key);

	if (c)
		return c;
	bpf_map_update_elem(&calls, &key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&calls, &key);
}

/* ns is 0 where it is not known. */
static __always_inline void note(__u64 id, long call, __u64 ns)
{
	struct calls *c = calls_of(by_process ? id >> 32 : number(call));

	if (!c)
		return;
	__sync_fetch_and_add(&c->count, 1);
	if (by_process)
		bpf_get_current_comm(c->comm, sizeof c->comm);
	if (!ns)
		return;
	__sync_fetch_and_add(&c->total_ns, ns);
	__sync_fetch_and_add(&c->latency_ns[log2_slot(ns, SLOTS)], 1);
}

SEC("tracepoint/raw_syscalls/sys_enter")
int count(struct sys_enter *ctx)
{
	__u32 key = number(ctx->id);
	__u64 *n;

	if (only_pid && !is_wanted(bpf_get_current_pid_tgid()))
		return 0;
	n = bpf_map_lookup_elem(&counts, &key);
	if (n)
		++*n;
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_enter")
int count_process(struct sys_enter *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (is_wanted(id))
		note(id, ctx->id, 0);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_enter")
int enter(struct sys_enter *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();
	__u32 thread = id;

	if (is_wanted(id))
		bpf_map_update_elem(&start, &thread, &now, BPF_ANY);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int leave(struct sys_exit *ctx)
{
	__u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid(), *begun;
	__u32 thread = id;

	if (!is_wanted(id) || (only_failed && ctx->ret >= 0) || (only_errno && ctx->ret != -(long)only_errno))
		return 0;
	begun = timed ? bpf_map_lookup_elem(&start, &thread) : 0;
	note(id, ctx->id, begun ? now - *begun : 0);
	return 0;
}
