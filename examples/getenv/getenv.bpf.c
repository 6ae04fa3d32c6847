/* A hash: which environment variables a program asks for, and how often. Its key is a string that is read from the
 * program's memory.
 *
 *	clang -target bpf -D__TARGET_ARCH_x86 -g -O2 -I/usr/include/x86_64-linux-gnu -c getenv.bpf.c
 *	bpftime run -o getenv.bpf.o -- sort /dev/null
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct variable {
	char name[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct variable);
	__type(value, __u64);
} asked SEC(".maps");

SEC("uprobe/libc:getenv")
int BPF_KPROBE(on_getenv, const char *name)
{
	struct variable key = {};
	__u64 one = 1, *n;

	bpf_probe_read_user_str(key.name, sizeof key.name, name);
	n = bpf_map_lookup_elem(&asked, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&asked, &key, &one, BPF_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
