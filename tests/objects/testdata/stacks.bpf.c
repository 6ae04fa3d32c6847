/* The stacks of a function's callers, at its entry and when it returns: whole as a record, and by number in a map. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct stack {
	u32 kind;
	s32 id, bytes, pad;
	u64 ips[127];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(u32));
	__uint(value_size, 127 * sizeof(u64));
} traces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, 2 * sizeof(u64));
} one SEC(".maps");

s64 kernel_id, bad_flags, kernel_stack, odd_size, skipped, far_id, first, again, other, fast, reused;
u32 calls;

static __always_inline void errors(void *ctx)
{
	u64 ips[4];

	kernel_id = bpf_get_stackid(ctx, &traces, 0);
	bad_flags = bpf_get_stackid(ctx, &traces, BPF_F_USER_STACK | 1 << 12);
	far_id = bpf_get_stackid(ctx, &traces, BPF_F_USER_STACK | 255);
	kernel_stack = bpf_get_stack(ctx, ips, sizeof(ips), 0);
	odd_size = bpf_get_stack(ctx, ips, 12, BPF_F_USER_STACK);
	skipped = bpf_get_stack(ctx, ips, sizeof(ips), BPF_F_USER_STACK | 1);
	first = bpf_get_stackid(ctx, &one, BPF_F_USER_STACK);
	again = bpf_get_stackid(ctx, &one, BPF_F_USER_STACK);
	other = bpf_get_stackid(ctx, &one, BPF_F_USER_STACK | 1);
	reused = bpf_get_stackid(ctx, &one, BPF_F_USER_STACK | BPF_F_REUSE_STACKID | 1);
}

static __always_inline int record(void *ctx, u32 kind)
{
	struct stack *s;

	if (!calls++)
		errors(ctx);
	s = bpf_ringbuf_reserve(&stacks, sizeof(*s), 0);
	if (!s)
		return 0;
	s->kind = kind;
	s->pad = 0;
	s->id = bpf_get_stackid(ctx, &traces, BPF_F_USER_STACK);
	s->bytes = bpf_get_stack(ctx, s->ips, sizeof(s->ips), BPF_F_USER_STACK);
	bpf_ringbuf_submit(s, 0);
	return 0;
}

SEC("uprobe//proc/self/exe:witness")
int on_witness(void *ctx) { return record(ctx, 1); }

SEC("uretprobe//proc/self/exe:witness")
int after_witness(void *ctx) { return record(ctx, 2); }

/* Probed as well, so that their frames have ours between them. */
SEC("uretprobe")
int nothing(void *ctx) { return bpf_get_smp_processor_id() > 1 << 20; }

char LICENSE[] SEC("license") = "GPL";
