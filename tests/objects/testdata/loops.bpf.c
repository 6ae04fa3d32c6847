/* Functions that helpers call back: bpf_loop and bpf_for_each_map_elem, which call helpers
 * themselves, call each other, and reach what their caller has on its stack. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u64);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} own SEC(".maps");

u64 runs, loops, stopped, too_many, flags, filled, visited, total, few, cookies, nested, owns;

struct bpf_map;

struct sum {
	u64 keys, values;
	u32 until;
};

static long fill(u32 i, void *ctx)
{
	u64 *base = ctx, value = *base + i;
	u32 key = i;

	bpf_map_update_elem(&table, &key, &value, BPF_ANY);
	return 0;
}

static long add_up(struct bpf_map *map, u32 *key, u64 *value, struct sum *s)
{
	s->keys += *key;
	s->values += *value;
	return s->until && --s->until == 0;
}

static long stop(u32 i, void *ctx)
{
	*(u64 *)ctx += i;
	return i == 4;
}

static long outer(u32 i, struct sum *s)
{
	s->keys += bpf_loop(i, stop, &s->values, 0);
	bpf_for_each_map_elem(&slots, add_up, s, 0);
	return 0;
}

static long bump(struct bpf_map *map, u32 *key, u64 *value, void *ctx)
{
	++*value;
	return 0;
}

struct asked {
	void *regs;
	u64 n;
};

static long ask(u32 i, void *ctx)
{
	struct asked *a = ctx;

	a->n += bpf_get_attach_cookie(a->regs) == 9 && bpf_get_smp_processor_id() < 1000;
	return 0;
}

SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(many, long a, long b)
{
	struct sum s = {}, t = {.until = 3}, n = {};
	u64 base = 100, count = 0;

	runs++;
	filled += bpf_loop(20, fill, &base, 0);
	visited += bpf_for_each_map_elem(&table, add_up, &s, 0);
	total += s.keys + s.values; /* 190 and 2190 */
	few += bpf_for_each_map_elem(&table, add_up, &t, 0);
	stopped += bpf_loop(1000, stop, &count, 0) + count; /* 5 and 10 */
	too_many += (int)bpf_loop((1 << 23) + 1, stop, &count, 0) == -7; /* where the kernel inlines it, of 32 bits */
	flags += bpf_loop(1, stop, &count, 1) == -22;
	loops += bpf_loop(0, stop, &count, 0);
	bpf_loop(3, outer, &n, 0); /* 0 + 1 + 2, three times 28; 0 + 1 */
	nested += n.keys * 1000 + n.values;
	owns += bpf_for_each_map_elem(&own, bump, 0, 0);
	return 0;
}

SEC("uprobe")
int BPF_KPROBE(asks, long a, long b)
{
	struct asked asked = {ctx, 0};

	bpf_loop(5, ask, &asked, 0);
	cookies += asked.n;
	return 0;
}
