/* A session: processes that run at different times count in the same map, which stays when all are gone.
 *
 *	clang -target bpf -g -O2 -I/usr/include/x86_64-linux-gnu -c together.bpf.c
 *	bpftime run -s together -o together.bpf.o -- bash -c 'echo one; echo two' 2>/dev/null
 *	bpftime run -s together -o together.bpf.o -- bash -c 'echo three' 2>/dev/null
 *	bpftime map dump together.echoes
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} echoes SEC(".maps");

SEC("uprobe//bin/bash:echo_builtin")
int echo(void *ctx)
{
	__u32 key = 0;
	__u64 *n = bpf_map_lookup_elem(&echoes, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
