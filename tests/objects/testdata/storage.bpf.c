/* A value for each thread, as bpf_task_storage_get has it. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct own {
	u64 calls;
	u32 tid, pid;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, 1 /* BPF_F_NO_PREALLOC */);
	__type(key, int);
	__type(value, struct own);
} storage SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, 1);
	__type(key, int);
	__type(value, u64);
} shared SEC(".maps");

u64 calls, fresh, foreign, none, same_number, shares, wrong_flags, no_task, parents, again, gone, deleted, leader_sum, last_tid, first_value;

SEC("uprobe//proc/self/exe:add")
int on_add(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf(), *leader;
	u64 id = bpf_get_current_pid_tgid(), one = 1, *sum;
	struct own *o = bpf_task_storage_get(&storage, task, 0, 0);

	__sync_fetch_and_add(&calls, 1);
	if (!o) {
		struct own first = {.tid = (u32)id, .pid = id >> 32};

		o = bpf_task_storage_get(&storage, task, &first, 1 /* BPF_LOCAL_STORAGE_GET_F_CREATE */);
		__sync_fetch_and_add(&fresh, 1);
		if (last_tid == (u32)id)
			__sync_fetch_and_add(&same_number, 1);
		last_tid = (u32)id;
	}
	if (!o) {
		__sync_fetch_and_add(&none, 1);
		return 0;
	}
	if (o->tid != (u32)id || o->pid != id >> 32 || o->calls > 5)
		__sync_fetch_and_add(&foreign, 1);
	o->calls++;

	leader = BPF_CORE_READ(task, group_leader);
	sum = bpf_task_storage_get(&shared, leader, 0, 1);
	if (sum)
		__sync_fetch_and_add(sum, 1);
	else
		__sync_fetch_and_add(&shares, 1);
	if (sum && task == leader) {
		leader_sum = *sum;
		if (sum == bpf_task_storage_get(&shared, task, &one, 1))
			first_value = 1;
	}
	return 0;
}

/* What is not there, and what goes. */
SEC("uprobe/libc:puts")
int at_end(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();

	wrong_flags = !bpf_task_storage_get(&storage, task, 0, 2);
	no_task = !bpf_task_storage_get(&storage, 0, 0, 1) && bpf_task_storage_delete(&storage, 0) == -22;
	parents = !bpf_task_storage_get(&storage, BPF_CORE_READ(task, real_parent), 0, 1);
	deleted = bpf_task_storage_delete(&storage, task) == 0;
	again = bpf_task_storage_delete(&storage, task) == -2;
	gone = !bpf_task_storage_get(&storage, task, 0, 0);
	return 0;
}
