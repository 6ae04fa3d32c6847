/* Maps without keys: what comes in at one call goes out at another, and a filter of what was seen. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__type(value, u64);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 4);
	__type(value, u64);
} stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 100);
	__type(value, u64);
	__uint(map_extra, 3);
} seen SEC(".maps");

u64 pushed, full, oldest, newest, popped, gone, again, fresh, flags;

SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(on_add, u64 a, u64 b)
{
	u64 v = 0;

	if (bpf_map_push_elem(&queue, &a, BPF_ANY) == -7)
		full++;
	else
		pushed++;
	bpf_map_push_elem(&stack, &a, BPF_EXIST);
	flags += bpf_map_push_elem(&stack, &a, BPF_NOEXIST) == -22;
	if (bpf_map_peek_elem(&queue, &v) == 0)
		oldest += v; /* 1, always */
	v = 0;
	if (bpf_map_peek_elem(&stack, &v) == 0)
		newest += v;
	fresh += bpf_map_peek_elem(&seen, &a) == -2;
	bpf_map_push_elem(&seen, &a, BPF_ANY);
	again += bpf_map_peek_elem(&seen, &a) == 0;
	if (a < 20)
		return 0;
	for (int i = 0; i < 6; i++) {
		if (bpf_map_pop_elem(&queue, &v) == 0)
			popped = popped * 100 + v;
		else
			gone += v == 0;
		if (bpf_map_pop_elem(&stack, &v) == 0)
			popped = popped * 100 + v;
		else
			gone += v == 0;
	}
	return 0;
}
