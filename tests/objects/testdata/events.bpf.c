/* Records in a ring buffer, in both ways of making one, and one that is thrown away. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct event {
	u32 pid, kind;
	char comm[16];
	char name[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

const volatile u32 drop_every = 4;
u32 calls, dropped;

static __always_inline void fill(struct event *e, u32 kind, const char *name)
{
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->kind = kind;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	__builtin_memset(e->name, 0, sizeof(e->name));
	bpf_probe_read_user_str(e->name, sizeof(e->name), name);
}

SEC("uprobe//proc/self/exe:greet")
int BPF_KPROBE(on_greet, const char *name)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	fill(e, 1, name);
	if (drop_every && ++calls % drop_every == 0) {
		bpf_ringbuf_discard(e, 0);
		dropped++;
	} else {
		bpf_ringbuf_submit(e, 0);
	}
	return 0;
}

SEC("uretprobe//proc/self/exe:greet")
int BPF_KRETPROBE(after_greet, const char *rest)
{
	struct event e;

	fill(&e, 2, rest);
	bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
