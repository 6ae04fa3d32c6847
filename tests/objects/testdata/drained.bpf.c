/* Records of a user_ringbuf, drained five at a time, in a way that the kernel's verifier can follow. */
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
	u64 number;
	s64 whole, part;
	char text[16];
};

u64 taken, runs;
s64 drained[8], bad_flags, writable, slice;

static long take(struct bpf_dynptr *p, void *arg)
{
	struct answer *a = bpf_ringbuf_reserve(&answers, sizeof(*a), 0);

	if (!a)
		return 1;
	__builtin_memset(a, 0, sizeof(*a));
	a->number = ++taken;
	a->whole = bpf_dynptr_read(a->text, sizeof(a->text), p, 0, 0);
	a->part = bpf_dynptr_read(a->text, 1, p, 0, 0);
	writable = bpf_dynptr_write(p, 0, "x", 1, 0);
	slice = !!bpf_dynptr_data(p, 0, 1);
	bpf_ringbuf_submit(a, 0);
	return taken % 5 == 0;
}

SEC("uprobe")
int on_greet(struct pt_regs *ctx)
{
	u64 run = runs++;

	bad_flags = bpf_user_ringbuf_drain(&commands, take, 0, 4);
	drained[run & 7] = bpf_user_ringbuf_drain(&commands, take, 0, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
