/* In the style of bpftime's examples: no global data, one map of counters by process, a line in the trace. */
#define BPF_NO_GLOBAL_DATA
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} calls_total SEC(".maps");

static int increment_map(void *map, void *key, u64 increment)
{
	u64 zero = 0, *count = bpf_map_lookup_elem(map, key);

	if (!count) {
		bpf_map_update_elem(map, key, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(map, key);
		if (!count)
			return 0;
	}
	u64 res = __sync_fetch_and_add(count, increment);
	if (*count != res + increment)
		bpf_printk("somebody else counted too");
	return *count;
}

SEC("uprobe/target:add")
int do_count(struct pt_regs *ctx)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32;

	bpf_printk("add called from pid %d\n", pid);
	increment_map(&calls_total, &pid, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
