/* A ring buffer: a record for each file that a program opens, with what came of it, printed as it comes.
 *
 *	clang -target bpf -D__TARGET_ARCH_x86 -g -O2 -I/usr/include/x86_64-linux-gnu -c opens.bpf.c
 *	bpftime run -o opens.bpf.o -- bash -c 'cat /dev/null /nowhere; true'
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct event {
	__u32 pid;
	__s32 result;
	char comm[16];
	char path[64];
};

/* A ring buffer does not say what is in it. This keeps the type of its records in the object, for who prints them. */
const struct event *unused __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32); /* thread */
	__type(value, const char *);
} paths SEC(".maps");

SEC("uprobe/libc:open")
int BPF_KPROBE(enter, const char *path)
{
	__u32 thread = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&paths, &thread, &path, BPF_ANY);
	return 0;
}

SEC("uretprobe/libc:open")
int BPF_KRETPROBE(leave, int result)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = id;
	const char **asked = bpf_map_lookup_elem(&paths, &thread), *path;
	struct event *e;

	if (!asked)
		return 0;
	path = *asked;
	bpf_map_delete_elem(&paths, &thread);
	e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
	if (!e)
		return 0;
	e->pid = id >> 32;
	e->result = result;
	bpf_get_current_comm(e->comm, sizeof e->comm);
	bpf_probe_read_user_str(e->path, sizeof e->path, path);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
