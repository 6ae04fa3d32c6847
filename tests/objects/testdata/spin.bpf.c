/* Threads add up under a lock that lies in the value. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct bpf_spin_lock {
	__u32 val;
};

struct value {
	struct bpf_spin_lock lock;
	u64 sum;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct value);
} values SEC(".maps");

u64 locked;

SEC("uprobe//proc/self/exe:add")
int on_add(struct pt_regs *ctx)
{
	u32 zero = 0;
	struct value *v = bpf_map_lookup_elem(&values, &zero);

	if (!v)
		return 0;
	bpf_spin_lock(&v->lock);
	v->sum++;
	locked = v->sum;
	bpf_spin_unlock(&v->lock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
