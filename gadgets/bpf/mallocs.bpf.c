/* mallocs: how often each command allocates, how many bytes, and of which sizes. */
#include "gadget.bpf.h"

#define SLOTS 32

struct command {
	char comm[16];
};

struct allocations {
	__u64 count;
	__u64 bytes;
	__u64 sizes[SLOTS]; /* log2 of the bytes asked for */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct command);
	__type(value, struct allocations);
} allocations SEC(".maps");

static const struct allocations none;

static __always_inline void note(__u64 size)
{
	struct command key = {};
	struct allocations *a;

	bpf_get_current_comm(&key, sizeof key);
	a = bpf_map_lookup_elem(&allocations, &key);
	if (!a) {
		bpf_map_update_elem(&allocations, &key, &none, BPF_NOEXIST);
		a = bpf_map_lookup_elem(&allocations, &key);
		if (!a)
			return;
	}
	__sync_fetch_and_add(&a->count, 1);
	__sync_fetch_and_add(&a->bytes, size);
	__sync_fetch_and_add(&a->sizes[log2_slot(size, SLOTS)], 1);
}

SEC("uprobe/libc:malloc")
int BPF_KPROBE(on_malloc, __u64 size)
{
	note(size);
	return 0;
}

SEC("uprobe/libc:calloc")
int BPF_KPROBE(on_calloc, __u64 n, __u64 size)
{
	note(n * size);
	return 0;
}

SEC("uprobe/libc:realloc")
int BPF_KPROBE(on_realloc, void *p, __u64 size)
{
	note(size);
	return 0;
}
