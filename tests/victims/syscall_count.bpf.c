/* Counts every system call by its number, before and behind it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define NUMBERS 1024

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NUMBERS);
	__type(key, __u32);
	__type(value, __u64);
} entered SEC(".maps"), left SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

static int count(void *map, __u64 number)
{
	__u32 key = number < NUMBERS ? number : NUMBERS - 1;
	__u64 *n = bpf_map_lookup_elem(map, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

SEC("raw_tracepoint/sys_enter")
int enter(struct bpf_raw_tracepoint_args *ctx)
{
	return count(&entered, ctx->args[1]);
}

struct trace_event_raw_sys_exit {
	__u64 common;
	long id, ret;
};

SEC("tracepoint/raw_syscalls/sys_exit")
int leave(struct trace_event_raw_sys_exit *ctx)
{
	return count(&left, ctx->id);
}
