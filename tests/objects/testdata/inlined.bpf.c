/* What programs do by themselves instead of calling a helper, beside the helper. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u64 calls, wrong_pair, wrong_task, wrong_name, wrong_cookie, wrong_ip, last_wrong, last_right;

SEC("uprobe")
int BPF_KPROBE(on_am, u64 pair, u64 other, const char *name)
{
	u64 said = bpf_get_current_pid_tgid(), again = bpf_get_current_pid_tgid();
	struct task_struct *task = (struct task_struct *)bpf_get_current_task(); /* asks the helper */
	char is[16], should[16] = {};
	u64 told;
	int differ = 0;

	__sync_fetch_and_add(&calls, 1);
	if (said != again || (said != pair && said != other)) {
		last_wrong = said, last_right = pair;
		__sync_fetch_and_add(&wrong_pair, 1);
	}
	told = (u64)BPF_CORE_READ(task, tgid) << 32 | (u32)BPF_CORE_READ(task, pid);
	if (told != said && !(said == other && told == pair)) /* the task of a vfork's child is the child */
		__sync_fetch_and_add(&wrong_task, 1);
	bpf_get_current_comm(is, sizeof(is));
	bpf_probe_read_user_str(should, sizeof(should), name);
	for (int i = 0; i < 16; i++)
		differ |= is[i] != should[i];
	__sync_fetch_and_add(&wrong_name, differ);
	if (bpf_get_attach_cookie(ctx) != 0x1122334455667788)
		__sync_fetch_and_add(&wrong_cookie, 1);
	if (bpf_get_func_ip(ctx) != PT_REGS_IP(ctx))
		__sync_fetch_and_add(&wrong_ip, 1);
	return 0;
}

struct wide {
	u64 n[3];
};

#define ARRAY(name_)                            \
	struct {                                \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(max_entries, 7);         \
		__type(key, u32);               \
		__type(value, struct wide);     \
	} name_ SEC(".maps")

ARRAY(one);
ARRAY(two);

u64 found, none, wrong;

/* The map of a lookup behind a branch is any: the helper looks. */
static __noinline void *by_helper(u32 which, u32 *key)
{
	void *map = which ? (void *)&one : (void *)&two;

	asm volatile("" : "+r"(map));
	return bpf_map_lookup_elem(map, key);
}

static __always_inline void look(u32 key)
{
	struct wide *a = bpf_map_lookup_elem(&one, &key), *b = bpf_map_lookup_elem(&two, &key);

	wrong += a != by_helper(1, &key) || b != by_helper(0, &key) || (a && a == b);
	if (a && b) {
		found++;
		a->n[2] += key + 1;
	} else {
		none++;
		wrong += a || b;
	}
}

SEC("uprobe")
int BPF_KPROBE(on_add, u64 a)
{
	for (u32 i = 0; i < 16; i++)
		look(i);
	look(a);
	look(0x80000000);
	look(0xffffffff);
	return 0;
}
