/* A map that takes more room than there may be, and a program that does without. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, __u64);
	__type(value, __u64[8]);
} large SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(fills, long a)
{
	__u64 value[8] = {a}, key = a;

	return bpf_map_update_elem(&large, &key, value, BPF_ANY);
}

SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(without, long a)
{
	return a;
}
