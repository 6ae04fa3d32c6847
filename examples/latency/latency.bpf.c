/* Two programs, a hash between them, and cookies: how long functions take, one histogram for each. The manifest says
 * which functions, and the cookies tell them apart.
 *
 *	clang -target bpf -g -O2 -I/usr/include/x86_64-linux-gnu -c latency.bpf.c
 *	bpftime run -m latency.yaml -- bash -c 'for i in {1..1000}; do printf -v x %d $i; test $x -gt 0; done'
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define SLOTS 32

struct hist {
	__u64 slots[SLOTS]; /* log2 of the nanoseconds */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64); /* function and thread */
	__type(value, __u64);
} starts SEC(".maps");

/* Each thread has values of its own: ++ is enough. Who reads it adds them up. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct hist);
} latency_ns SEC(".maps");

static __always_inline __u64 this_call(void *ctx)
{
	return bpf_get_attach_cookie(ctx) << 32 | (__u32)bpf_get_current_pid_tgid();
}

SEC("uprobe")
int enter(void *ctx)
{
	__u64 call = this_call(ctx), now = bpf_ktime_get_ns();

	bpf_map_update_elem(&starts, &call, &now, BPF_ANY);
	return 0;
}

SEC("uretprobe")
int leave(void *ctx)
{
	__u64 call = this_call(ctx), now = bpf_ktime_get_ns(), *start = bpf_map_lookup_elem(&starts, &call);
	__u32 function = bpf_get_attach_cookie(ctx), slot = 0;
	struct hist *hist;

	if (!start)
		return 0;
	for (__u64 ns = now - *start; ns > 1 && slot < SLOTS - 1; ns >>= 1)
		slot++;
	bpf_map_delete_elem(&starts, &call);
	hist = bpf_map_lookup_elem(&latency_ns, &function);
	if (hist)
		hist->slots[slot]++;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
