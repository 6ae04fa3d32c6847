/* How often a process came where, by process and by cookie. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} by_pid SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} by_cookie SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

SEC("?uprobe")
int tally(struct pt_regs *ctx)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32, cookie = bpf_get_attach_cookie(ctx);
	u64 one = 1, *n = bpf_map_lookup_elem(&by_pid, &pid);

	if (n)
		++*n;
	else
		bpf_map_update_elem(&by_pid, &pid, &one, BPF_ANY);
	n = bpf_map_lookup_elem(&by_cookie, &cookie);
	if (n)
		++*n;
	return 0;
}
