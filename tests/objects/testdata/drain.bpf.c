/* What somebody wrote into a user_ringbuf, taken by a program and sent back. */
#include "vmlinux.h"

struct bpf_dynptr {
	u64 opaque[2];
};

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, 31 /* BPF_MAP_TYPE_USER_RINGBUF */);
	__uint(max_entries, 4096);
} commands SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} answers SEC(".maps");

struct answer {
	u64 sum;
	char text[16];
};

s64 drained, rest, bad_flags, writable, slice, nested;

static long stop_at_five(struct bpf_dynptr *p, void *arg)
{
	struct answer a = {};
	u64 *sum = arg;

	*sum += 1;
	a.sum = *sum;
	if (bpf_dynptr_read(a.text, sizeof(a.text), p, 0, 0))
		bpf_dynptr_read(a.text, 4, p, 0, 0);
	writable = bpf_dynptr_write(p, 0, a.text, 1, 0);
	slice = !!bpf_dynptr_data(p, 0, 1);
	nested = bpf_user_ringbuf_drain(&commands, stop_at_five, arg, 0);
	bpf_ringbuf_output(&answers, &a, sizeof(a), 0);
	return *sum == 5;
}

SEC("uprobe//proc/self/exe:greet")
int BPF_KPROBE(on_greet)
{
	u64 sum = 0;

	bad_flags = bpf_user_ringbuf_drain(&commands, stop_at_five, &sum, 4);
	drained = bpf_user_ringbuf_drain(&commands, stop_at_five, &sum, 0);
	rest = bpf_user_ringbuf_drain(&commands, stop_at_five, &sum, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
