/* Constants and variables: how many allocations are large. What is large says the manifest, before the program is
 * compiled; the variables are in a map like any other, and live.
 *
 *	clang -target bpf -D__TARGET_ARCH_x86 -g -O2 -I/usr/include/x86_64-linux-gnu -c filter.bpf.c
 *	bpftime run -m filter.yaml -- sort /dev/null
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

const volatile __u64 large_bytes = 1 << 20;

__u64 all, large, largest;

SEC("uprobe/libc:malloc")
int BPF_KPROBE(on_malloc, __u64 bytes)
{
	__sync_fetch_and_add(&all, 1);
	if (bytes < large_bytes)
		return 0;
	__sync_fetch_and_add(&large, 1);
	if (bytes > largest)
		largest = bytes;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
