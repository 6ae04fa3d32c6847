/* Stacks of a program with frame pointers: by number, whole, and without the first frames. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define DEPTH 16

struct trace {
	s64 id, other_id, skipped_id, bytes, skipped_bytes;
	u64 ips[DEPTH], skipped[DEPTH];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} records SEC(".maps");

#define STACKS(name_, depth_)                          \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_STACK_TRACE); \
		__uint(max_entries, 4096);             \
		__uint(key_size, sizeof(u32));         \
		__uint(value_size, (depth_) * sizeof(u64)); \
	} name_ SEC(".maps")

STACKS(traces, DEPTH);
STACKS(shallow, 2);

SEC("uprobe")
int on_deep(struct pt_regs *ctx)
{
	struct trace *t = bpf_ringbuf_reserve(&records, sizeof(*t), 0);

	if (!t)
		return 0;
	__builtin_memset(t, 0, sizeof(*t));
	t->id = bpf_get_stackid(ctx, &traces, BPF_F_USER_STACK);
	t->other_id = bpf_get_stackid(ctx, &shallow, BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP);
	t->skipped_id = bpf_get_stackid(ctx, &traces, BPF_F_USER_STACK | BPF_F_REUSE_STACKID | 2);
	t->bytes = bpf_get_stack(ctx, t->ips, sizeof(t->ips), BPF_F_USER_STACK);
	t->skipped_bytes = bpf_get_stack(ctx, t->skipped, sizeof(t->skipped), BPF_F_USER_STACK | 2);
	bpf_ringbuf_submit(t, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
