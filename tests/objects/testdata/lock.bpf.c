/* Values under a lock that updates take (BPF_F_LOCK): who looks under the lock never sees half of one. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct bpf_spin_lock {
	__u32 val;
};

enum { BPF_F_LOCK = 4, WORDS = 12 };

struct value {
	u64 first;
	struct bpf_spin_lock lock;
	u32 half;
	u64 words[WORDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct value);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct value);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} without SEC(".maps");

u64 torn, failed, looks;
long no_lock, exists, absent, bad_flags, held_stays;

static __always_inline void look(struct value *v)
{
	u64 bad = 0;

	if (!v)
		return;
	bpf_spin_lock(&v->lock);
	for (int i = 0; i < WORDS; i++)
		bad |= v->words[i] ^ v->first;
	bad |= v->half ^ (u32)v->first;
	bpf_spin_unlock(&v->lock);
	if (bad)
		__sync_fetch_and_add(&torn, 1);
	__sync_fetch_and_add(&looks, 1);
}

SEC("uprobe//proc/self/exe:add")
int on_add(struct pt_regs *ctx)
{
	u64 n = bpf_get_prandom_u32() * 0x100000001ULL;
	struct value v = {.first = n, .lock = {77}, .half = (u32)n}; /* the lock is no part of what is written */
	u32 key = n & 1;

	for (int i = 0; i < WORDS; i++)
		v.words[i] = n;
	if (bpf_map_update_elem(&array, &key, &v, BPF_F_LOCK))
		__sync_fetch_and_add(&failed, 1);
	if (bpf_map_update_elem(&table, &key, &v, BPF_F_LOCK))
		__sync_fetch_and_add(&failed, 1);
	look(bpf_map_lookup_elem(&array, &key));
	look(bpf_map_lookup_elem(&table, &key));
	return 0;
}

SEC("uprobe/libc:printf")
int at_end(struct pt_regs *ctx)
{
	u32 key = 0, none = 99;
	u64 n = 1;
	struct value v = {}, *at;

	no_lock = bpf_map_update_elem(&without, &key, &n, BPF_F_LOCK);
	exists = bpf_map_update_elem(&table, &key, &v, BPF_F_LOCK | BPF_NOEXIST);
	absent = bpf_map_update_elem(&table, &none, &v, BPF_F_LOCK | BPF_EXIST);
	bad_flags = bpf_map_update_elem(&table, &key, &v, BPF_F_LOCK | 3);
	at = bpf_map_lookup_elem(&array, &key);
	if (!at)
		return 0;
	bpf_spin_lock(&at->lock);
	bpf_map_update_elem(&array, &key, &v, BPF_ANY); /* in the kernel no helper may be called here */
	held_stays = at->lock.val != 0 && !at->first;
	bpf_spin_unlock(&at->lock);
	return 0;
}
