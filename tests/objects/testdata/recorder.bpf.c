/* A flight recorder: the last names that greet() was called with. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct event {
	u32 number;
	char name[20];
};

const struct event *unused __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__uint(map_flags, 1 << 19); /* BPF_F_RB_OVERWRITE */
} last SEC(".maps");

u32 calls;

SEC("uprobe//proc/self/exe:greet")
int BPF_KPROBE(on_greet, const char *name)
{
	struct event *e = bpf_ringbuf_reserve(&last, sizeof(*e), 0);

	if (!e)
		return 0;
	__builtin_memset(e->name, 0, sizeof(e->name));
	e->number = ++calls;
	bpf_probe_read_user_str(e->name, sizeof(e->name), name);
	if (e->number % 2)
		bpf_ringbuf_submit(e, 0);
	else
		bpf_ringbuf_discard(e, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
