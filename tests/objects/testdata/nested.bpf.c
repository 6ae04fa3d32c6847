/* Maps of maps: filled by the object, looked up by index and by key, and what is found used as any map. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct counts {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
};

struct counts even SEC(".maps");
struct counts odd SEC(".maps");
struct counts spare SEC(".maps"); /* in no map at first */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u32);
} narrow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, u32);
	__array(values, struct counts);
} by_index SEC(".maps") = { .values = { [0] = &even, [1] = &odd } };

struct slots {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
};

struct slots first SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, u32);
	__array(values, struct slots);
} by_key SEC(".maps") = { .values = { [2] = &first } };

u64 found, none, third, slotted;

SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(on_add, u64 a, u64 b)
{
	u32 which = a & 1, key = 7, last = 2, beyond = 3, slot = a & 3;
	u64 one = 1, *count;
	void *map = bpf_map_lookup_elem(&by_index, &which);

	if (map) {
		found++;
		count = bpf_map_lookup_elem(map, &key);
		if (count)
			__sync_fetch_and_add(count, 1);
		else
			bpf_map_update_elem(map, &key, &one, BPF_ANY);
	}
	none += !bpf_map_lookup_elem(&by_index, &beyond);
	map = bpf_map_lookup_elem(&by_index, &last);
	if (map) {
		third++;
		bpf_map_update_elem(map, &key, &a, BPF_ANY);
	}
	map = bpf_map_lookup_elem(&by_key, &last);
	if (map) {
		count = bpf_map_lookup_elem(map, &slot);
		if (count)
			__sync_fetch_and_add(count, a);
		slotted++;
	}
	none += !bpf_map_lookup_elem(&by_key, &which);
	key = 1;
	bpf_map_update_elem(&narrow, &key, &key, BPF_ANY);
	return 0;
}
