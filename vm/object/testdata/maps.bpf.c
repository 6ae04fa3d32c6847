/* Every property of a map's definition. */
#include "bpf.h"

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, 4);
	__type(value, u64);
};

struct inner left SEC(".maps");
struct inner right SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { [1] = &left, [3] = &right } };

int first(void *ctx);
int second(void *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__array(values, int (void *));
} programs SEC(".maps") = { .values = { (void *)&first, (void *)&second } };

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(map_flags, 1 << 6);
	__uint(max_entries, 100);
	__uint(value_size, 16);
	__ulong(map_extra, 5);
	__uint(numa_node, 0);
	__uint(pinning, 1);
} bloom SEC(".maps");

/* As in libbpf's usdt.bpf.h. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, long);
	__type(value, u32);
} __bpf_usdt_ip_to_spec_id SEC(".maps") __weak;

SEC("uprobe")
int first(void *ctx)
{
	long key = 1;
	return bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &key) != 0;
}

SEC("uprobe")
int second(void *ctx)
{
	u32 key = 1;
	bpf_tail_call(ctx, &programs, 0);
	return bpf_map_lookup_elem(&outer, &key) != 0;
}
