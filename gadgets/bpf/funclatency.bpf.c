/* funclatency SPEC: how long the function takes, in nanoseconds, as a histogram. Of
 * calls within calls on the same thread the innermost counts; a call that is left
 * by longjmp does not. */
#include "gadget.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32); /* thread */
	__type(value, __u64);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32); /* log2 of the nanoseconds */
	__type(value, __u64);
} latency_ns SEC(".maps");

SEC("uprobe")
int on_entry(struct pt_regs *ctx)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&starts, &thread, &now, BPF_ANY);
	return 0;
}

SEC("uretprobe")
int on_return(struct pt_regs *ctx)
{
	__u64 now = bpf_ktime_get_ns(), *start, *n;
	__u32 thread = bpf_get_current_pid_tgid(), slot;

	start = bpf_map_lookup_elem(&starts, &thread);
	if (!start)
		return 0;
	slot = log2_slot(now - *start, 64);
	bpf_map_delete_elem(&starts, &thread);
	n = bpf_map_lookup_elem(&latency_ns, &slot);
	if (n)
		++*n;
	return 0;
}
