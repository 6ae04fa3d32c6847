/* A hash whose entries come and go, and what the helpers say to it, in the order of the calls. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct key {
	__u32 class;
	char name[12];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, struct key);
	__type(value, __u64);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, long);
} answers SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

static void note(__u32 at, long answer)
{
	bpf_map_update_elem(&answers, &at, &answer, BPF_ANY);
}

/* Of every call i of add: entry i is made, made again, changed, and entry i - 2 deleted. */
SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(on_add, long i)
{
	struct key key = {.class = i, .name = "an entry"};
	__u64 value = i;
	__u32 at = (i - 1) * 6;

	note(at, bpf_map_update_elem(&table, &key, &value, BPF_EXIST));
	note(at + 1, bpf_map_update_elem(&table, &key, &value, BPF_NOEXIST));
	value = 10 * i;
	note(at + 2, bpf_map_update_elem(&table, &key, &value, BPF_NOEXIST));
	note(at + 3, bpf_map_update_elem(&table, &key, &value, BPF_ANY));
	key.class = i - 2;
	note(at + 4, bpf_map_delete_elem(&table, &key));
	note(at + 5, bpf_map_lookup_elem(&table, &key) != 0);
	return 0;
}
