/* Arguments and results together: what a program allocates and never frees.
 *
 *	clang -target bpf -D__TARGET_ARCH_x86 -g -O2 -I/usr/include/x86_64-linux-gnu -c leaks.bpf.c
 *	bpftime run -o leaks.bpf.o -- sort /dev/null
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32); /* thread */
	__type(value, __u64);
} asked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, void *);
	__type(value, __u64); /* bytes */
} live SEC(".maps");

SEC("uprobe/libc:malloc")
int BPF_KPROBE(enter_malloc, __u64 bytes)
{
	__u32 thread = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&asked, &thread, &bytes, BPF_ANY);
	return 0;
}

SEC("uretprobe/libc:malloc")
int BPF_KRETPROBE(leave_malloc, void *p)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u64 *bytes = bpf_map_lookup_elem(&asked, &thread);

	if (bytes && p)
		bpf_map_update_elem(&live, &p, bytes, BPF_ANY);
	return 0;
}

SEC("uprobe/libc:free")
int BPF_KPROBE(enter_free, void *p)
{
	bpf_map_delete_elem(&live, &p);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
