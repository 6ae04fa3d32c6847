/* What Python calls and collects, by its markers. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

struct name {
	char text[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct name);
	__type(value, u64);
} entered SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct name);
	__type(value, u64);
} returned SEC(".maps");

u64 collected[3], freed;

static int count(void *map, const char *text)
{
	struct name name = {};
	u64 one = 1, *n;

	bpf_probe_read_user_str(name.text, sizeof(name.text), text);
	n = bpf_map_lookup_elem(map, &name);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(map, &name, &one, BPF_ANY);
	return 0;
}

SEC("usdt//proc/self/exe:python:function__entry")
int BPF_USDT(on_entry, const char *file, const char *function, int line)
{
	return count(&entered, function);
}

SEC("usdt//proc/self/exe:python:function__return")
int BPF_USDT(on_return, const char *file, const char *function, int line)
{
	return count(&returned, function);
}

SEC("usdt//proc/self/exe:python:gc__start")
int BPF_USDT(on_collect, int generation)
{
	if (generation >= 0 && generation < 3)
		__sync_fetch_and_add(&collected[generation], 1);
	return 0;
}

SEC("usdt//proc/self/exe:python:gc__done")
int BPF_USDT(on_collected, long n)
{
	__sync_fetch_and_add(&freed, n);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
