/* A system call, seen at both ends: a line for each file that is removed, with what came of it.
 *
 *	clang -target bpf -g -O2 -I/usr/include/x86_64-linux-gnu -c unlinks.bpf.c
 *	touch here
 *	bpftime run -o unlinks.bpf.o -- rm -f here /no/where
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* What tracepoints give: eight bytes that are nobody's, the call's number, then its arguments, or its result. */
struct sys_enter {
	long common;
	long id;
	unsigned long args[6];
};

struct sys_exit {
	long common;
	long id;
	long ret;
};

struct path {
	char text[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32); /* thread */
	__type(value, struct path);
} paths SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_unlinkat")
int enter(struct sys_enter *ctx)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct path path = {};

	bpf_probe_read_user_str(path.text, sizeof path.text, (const void *)ctx->args[1]);
	bpf_map_update_elem(&paths, &thread, &path, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_unlinkat")
int leave(struct sys_exit *ctx)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct path *path = bpf_map_lookup_elem(&paths, &thread);

	if (path)
		bpf_printk("%s: %d", path->text, (int)ctx->ret);
	bpf_map_delete_elem(&paths, &thread);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
