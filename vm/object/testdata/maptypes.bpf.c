/* Helpers that are given maps of wrong types, and values that may not be read or written. */
#include "bpf.h"

static long (*bpf_perf_event_output)(void *ctx, void *map, u64 flags, void *data, u64 size) = (void *)25;

struct {
	__uint(type, 27 /* BPF_MAP_TYPE_RINGBUF */);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, 1 /* BPF_MAP_TYPE_HASH */);
	__uint(max_entries, 16);
	__uint(map_flags, 128 /* BPF_F_RDONLY_PROG */);
	__type(key, u32);
	__type(value, u64);
} settings SEC(".maps");

struct {
	__uint(type, 2 /* BPF_MAP_TYPE_ARRAY */);
	__uint(max_entries, 16);
	__uint(map_flags, 256 /* BPF_F_WRONLY_PROG */);
	__type(key, u32);
	__type(value, u64);
} results SEC(".maps");

const volatile int limit = 3;
const volatile _Bool use_ring = 1;

SEC("uprobe/libc:malloc")
int looks_in_ring(struct pt_regs *ctx)
{
	u32 key = 0;
	u64 *value = bpf_map_lookup_elem(&events, &key);

	return value ? *value : 0;
}

SEC("uprobe/libc:malloc")
int good(struct pt_regs *ctx)
{
	u32 key = 0;
	u64 *from = bpf_map_lookup_elem(&settings, &key), *to = bpf_map_lookup_elem(&results, &key);

	if (from && to)
		*to = *from;
	return limit;
}

SEC("uprobe/libc:malloc")
int writes_setting(struct pt_regs *ctx)
{
	u32 key = 0;
	u64 *value = bpf_map_lookup_elem(&settings, &key);

	if (value)
		*value = ctx->rdi;
	return 0;
}

SEC("uprobe/libc:malloc")
int reads_result(struct pt_regs *ctx)
{
	u32 key = 0;
	u64 *value = bpf_map_lookup_elem(&results, &key);

	return value ? *value : 0;
}

SEC("uprobe/libc:malloc")
int writes_constant(struct pt_regs *ctx)
{
	*(volatile int *)&limit = ctx->rdi;
	return 0;
}

static __attribute__((noinline)) long keep(void *map, u64 value)
{
	u32 key = 1;

	return bpf_map_update_elem(map, &key, &value, 0);
}

SEC("uprobe/libc:malloc")
int updates_setting(struct pt_regs *ctx)
{
	return keep(&settings, ctx->rdi);
}

/* As libbpf-tools do it: the type of events is changed for old kernels. */
SEC("uprobe/libc:malloc")
int either(struct pt_regs *ctx)
{
	u64 record = ctx->rdi;

	if (use_ring)
		return bpf_ringbuf_output(&events, &record, sizeof(record), 0);
	return bpf_perf_event_output(ctx, &events, 0xffffffff, &record, sizeof(record));
}
