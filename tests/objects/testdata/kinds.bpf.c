/* One map of each kind that counts, all counting the same. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define COUNTERS(name_, type_, entries)       \
	struct {                              \
		__uint(type, type_);          \
		__uint(max_entries, entries); \
		__type(key, __u32);           \
		__type(value, __u64);         \
	} name_ SEC(".maps")

COUNTERS(in_array, BPF_MAP_TYPE_ARRAY, 8);
COUNTERS(in_hash, BPF_MAP_TYPE_HASH, 100);
COUNTERS(in_percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, 8);
COUNTERS(in_percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, 100);

char LICENSE[] SEC("license") = "GPL";

static __always_inline __u64 *place(void *map, __u32 key)
{
	__u64 zero = 0, *n = bpf_map_lookup_elem(map, &key);

	if (n)
		return n;
	bpf_map_update_elem(map, &key, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, &key);
}

/* What all may write to wants an atomic operation, what is the CPU's alone does not. */
#define SHARED(map, key, v) ({ __u64 *n_ = place(map, key); if (n_) __sync_fetch_and_add(n_, v); })
#define OWN(map, key, v) ({ __u64 *n_ = place(map, key); if (n_) *n_ += (v); })

SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(on_add, long a, long b)
{
	__u32 key = a & 7;

	SHARED(&in_array, key, b);
	SHARED(&in_hash, key, b);
	OWN(&in_percpu_array, key, b);
	OWN(&in_percpu_hash, key, b);
	return 0;
}
