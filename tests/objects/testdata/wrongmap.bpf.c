/* Every helper that takes a map, with every type of map. Most of these pairs are refused
 * when a program is loaded, so the maps go through memory, which the verifier does not
 * follow. Then helpers may answer anything, and do nothing to the host. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 8);
	__uint(max_entries, 4);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 8);
	__uint(max_entries, 4);
} parray SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(key_size, 4);
	__uint(value_size, 8);
	__uint(max_entries, 4);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(key_size, 4);
	__uint(value_size, 8);
	__uint(max_entries, 4);
} phash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(key_size, 4);
	__uint(value_size, 8);
	__uint(max_entries, 4);
} lru SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, 1 /* BPF_F_NO_PREALLOC */);
	__uint(key_size, 8);
	__uint(value_size, 8);
	__uint(max_entries, 4);
} trie SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(value_size, 8);
	__uint(max_entries, 4);
} fifo SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(value_size, 8);
	__uint(max_entries, 4);
} lifo SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(value_size, 8);
	__uint(max_entries, 4);
} bloom SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 4);
} progs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 2);
} perf SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(key_size, 4);
	__uint(value_size, 80);
	__uint(max_entries, 4);
} traces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} user SEC(".maps");

u64 done;
void *volatile hidden;

struct bpf_map;

static long each(struct bpf_map *map, const void *key, void *value, void *ctx)
{
	return 0;
}

static long drain(struct bpf_dynptr *dynptr, void *ctx)
{
	return 0;
}

static __always_inline void try(void *ctx, void *map)
{
	u64 key[2] = {1, 1}, value[16] = {};
	void *sample;

	hidden = map;
	map = hidden;

	bpf_map_lookup_elem(map, key);
	bpf_map_lookup_percpu_elem(map, key, 0);
	bpf_map_update_elem(map, key, value, 0);
	bpf_map_delete_elem(map, key);
	bpf_map_push_elem(map, value, 0);
	bpf_map_peek_elem(map, value);
	bpf_map_pop_elem(map, value);
	bpf_ringbuf_output(map, value, 16, 0);
	sample = bpf_ringbuf_reserve(map, 16, 0);
	if (sample)
		bpf_ringbuf_discard(sample, 0);
	for (int i = 0; i < 4; i++)
		bpf_ringbuf_query(map, i);
	bpf_perf_event_output(ctx, map, 0xffffffffULL, value, 16);
	bpf_get_stackid(ctx, map, 256);
	bpf_for_each_map_elem(map, each, value, 0);
	bpf_user_ringbuf_drain(map, drain, value, 0);
	bpf_tail_call(ctx, map, 1);
	done++;
}

SEC("uprobe")
int with_array(void *ctx)
{
	try(ctx, &array);
	return 0;
}

SEC("uprobe")
int with_parray(void *ctx)
{
	try(ctx, &parray);
	return 0;
}

SEC("uprobe")
int with_table(void *ctx)
{
	try(ctx, &table);
	return 0;
}

SEC("uprobe")
int with_phash(void *ctx)
{
	try(ctx, &phash);
	return 0;
}

SEC("uprobe")
int with_lru(void *ctx)
{
	try(ctx, &lru);
	return 0;
}

SEC("uprobe")
int with_trie(void *ctx)
{
	try(ctx, &trie);
	return 0;
}

SEC("uprobe")
int with_fifo(void *ctx)
{
	try(ctx, &fifo);
	return 0;
}

SEC("uprobe")
int with_lifo(void *ctx)
{
	try(ctx, &lifo);
	return 0;
}

SEC("uprobe")
int with_bloom(void *ctx)
{
	try(ctx, &bloom);
	return 0;
}

SEC("uprobe")
int with_progs(void *ctx)
{
	try(ctx, &progs);
	return 0;
}

SEC("uprobe")
int with_ring(void *ctx)
{
	try(ctx, &ring);
	return 0;
}

SEC("uprobe")
int with_perf(void *ctx)
{
	try(ctx, &perf);
	return 0;
}

SEC("uprobe")
int with_traces(void *ctx)
{
	try(ctx, &traces);
	return 0;
}

SEC("uprobe")
int with_user(void *ctx)
{
	try(ctx, &user);
	return 0;
}
