/* Threads count in values of their own; then one adds up those of all CPUs, as programs of libbpf do: nr_cpus is what
 * libbpf_num_possible_cpus() says, set before the load. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

const volatile int nr_cpus = 1;

struct mixed {
	u32 low;
	s32 down;
	u64 big;
	char who[8];
	u8 small[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u64);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 10240);
	__type(key, u32);
	__type(value, struct mixed);
} table SEC(".maps");

struct long_key {
	u64 part[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, struct long_key);
	__type(value, u64);
} recent SEC(".maps");

static const struct long_key longer = {{1, 2, 3}};

SEC("uprobe//proc/self/exe:add")
int on_add(struct pt_regs *ctx)
{
	struct long_key k = longer;
	struct mixed none = {}, *m;
	u32 key = 1;
	u64 *v = bpf_map_lookup_elem(&array, &key), zero = 0;

	if (v)
		*v += 1;
	m = bpf_map_lookup_elem(&table, &key);
	if (!m) {
		bpf_map_update_elem(&table, &key, &none, BPF_NOEXIST);
		m = bpf_map_lookup_elem(&table, &key);
	}
	if (m) {
		m->low += 0x10000001;
		m->down -= 1;
		m->big += 1ULL << 33;
		m->who[0] = 'x';
		m->small[7] += 3;
	}
	v = bpf_map_lookup_elem(&recent, &k);
	if (!v) {
		bpf_map_update_elem(&recent, &k, &zero, BPF_NOEXIST);
		v = bpf_map_lookup_elem(&recent, &k);
	}
	if (v)
		*v += 2;
	return 0;
}

u64 sum, untouched, lru_sum, big, low, down, small;
u64 cpus, beyond, absent, wrong_index, named, kept_both;

SEC("uprobe/libc:printf")
int at_end(struct pt_regs *ctx)
{
	struct long_key k = longer;
	u32 key = 1, zero = 0, none = 77;
	u64 *first = bpf_map_lookup_percpu_elem(&array, &key, 0), begun = first ? *first : 0;
	u32 lows = 0;
	s32 downs = 0;
	u8 smalls = 0;

	for (int i = 0; i < nr_cpus; i++) {
		u64 *v = bpf_map_lookup_percpu_elem(&array, &key, i);
		struct mixed *m;

		if (v) {
			sum += *v;
			cpus++;
		}
		v = bpf_map_lookup_percpu_elem(&array, &zero, i);
		if (v)
			untouched += *v;
		v = bpf_map_lookup_percpu_elem(&recent, &k, i);
		if (v)
			lru_sum += *v;
		m = bpf_map_lookup_percpu_elem(&table, &key, i);
		if (m) {
			lows += m->low;
			downs += m->down;
			big += m->big >> 33;
			smalls += m->small[7];
			named |= m->who[0] == 'x' && !m->who[1];
		}
		absent += !bpf_map_lookup_percpu_elem(&table, &none, i);
		wrong_index += !bpf_map_lookup_percpu_elem(&array, &none, i);
	}
	low = lows;
	down = (s64)downs;
	small = smalls;
	beyond = !bpf_map_lookup_percpu_elem(&array, &key, nr_cpus) && !bpf_map_lookup_percpu_elem(&table, &key, 0xffffffff);
	kept_both = first && *first == begun;
	return 0;
}

/* What is returned is a copy. */
SEC("uprobe//proc/self/exe:greet")
int resets(struct pt_regs *ctx)
{
	u32 key = 1;
	u64 *v = bpf_map_lookup_percpu_elem(&array, &key, 0);

	if (v)
		*v = 0;
	return 0;
}

struct large {
	u64 words[513];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct large);
} larges SEC(".maps");

SEC("uprobe//proc/self/exe:greet")
int too_large(struct pt_regs *ctx)
{
	u32 key = 0;
	struct large *v = bpf_map_lookup_percpu_elem(&larges, &key, 0);

	return v && v->words[0];
}
