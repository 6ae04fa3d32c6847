/* Keeps what it is given. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct pt_regs);
} seen SEC(".maps");

__u64 hits, ips;

SEC("uprobe")
int see(struct pt_regs *ctx)
{
	__u32 n = hits++;
	struct pt_regs *to = bpf_map_lookup_elem(&seen, &n);

	ips += bpf_get_func_ip(ctx) == ctx->rip;
	if (to)
		*to = *ctx;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
