/* In the style of libbpf-tools: calls and their latency by cookie, with plain counters in maps of a slot per CPU. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define MAX_SLOTS 36

struct hist {
	u64 calls;
	u64 slots[MAX_SLOTS]; /* log2 of the nanoseconds */
};

const volatile pid_t targ_tgid = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u32);
	__type(value, u64);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, struct hist);
} hists SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

static __always_inline u64 log2l(u64 v)
{
	u64 n = 0;

	for (int i = 0; i < 63; i++) {
		v >>= 1;
		if (!v)
			break;
		n++;
	}
	return n;
}

SEC("?uprobe")
int BPF_KPROBE(enter)
{
	u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();
	u32 tid = id;

	if (targ_tgid && targ_tgid != id >> 32)
		return 0;
	bpf_map_update_elem(&starts, &tid, &now, BPF_ANY);
	return 0;
}

SEC("?uretprobe")
int BPF_KRETPROBE(leave)
{
	u32 tid = bpf_get_current_pid_tgid(), cookie = bpf_get_attach_cookie(ctx);
	u64 *start = bpf_map_lookup_elem(&starts, &tid), slot;
	struct hist *hist;

	if (!start)
		return 0;
	slot = log2l(bpf_ktime_get_ns() - *start);
	bpf_map_delete_elem(&starts, &tid);
	hist = bpf_map_lookup_elem(&hists, &cookie);
	if (!hist)
		return 0;
	hist->calls++;
	if (slot >= MAX_SLOTS)
		slot = MAX_SLOTS - 1;
	hist->slots[slot]++;
	return 0;
}
