/* The same stack by addresses and by build-ids, as a record and by number in a map. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define BPF_F_USER_BUILD_ID (1 << 11)
#define FRAMES 24

struct frame {
	s32 status;
	u8 build_id[20];
	u64 where;
};

struct both {
	s64 id, bytes, described;
	u64 ips[FRAMES];
	struct frame frames[FRAMES];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1024);
	__uint(map_flags, 1 << 5); /* BPF_F_STACK_BUILD_ID */
	__uint(key_size, sizeof(u32));
	__uint(value_size, FRAMES * sizeof(struct frame));
} traces SEC(".maps");

s64 odd_size, kernel, again;

SEC("uprobe//proc/self/exe:witness")
int on_witness(void *ctx)
{
	struct both *b = bpf_ringbuf_reserve(&stacks, sizeof(*b), 0);

	if (!b)
		return 0;
	b->id = bpf_get_stackid(ctx, &traces, BPF_F_USER_STACK);
	again = bpf_get_stackid(ctx, &traces, BPF_F_USER_STACK) - b->id;
	b->bytes = bpf_get_stack(ctx, b->ips, sizeof(b->ips), BPF_F_USER_STACK);
	odd_size = bpf_get_stack(ctx, b->frames, 40, BPF_F_USER_STACK | BPF_F_USER_BUILD_ID);
	kernel = bpf_get_stack(ctx, b->frames, sizeof(b->frames), BPF_F_USER_BUILD_ID);
	b->described = bpf_get_stack(ctx, b->frames, sizeof(b->frames), BPF_F_USER_STACK | BPF_F_USER_BUILD_ID);
	bpf_ringbuf_submit(b, 0);
	return 0;
}
