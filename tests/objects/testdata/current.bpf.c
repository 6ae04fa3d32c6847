/* Who runs the program, by the task and by helpers; numbers in text; a call's registers. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

u64 wrong, tgid, parent, first, second, number, result, read, copied;
char name[16];

SEC("uprobe//proc/self/exe:add")
int on_add(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task(), *typed = bpf_get_current_task_btf();
	u64 id = bpf_get_current_pid_tgid();
	char comm[16], text[] = " -123 apples";
	long v = 0;

	bpf_get_current_comm(comm, sizeof comm);
	BPF_CORE_READ_INTO(&name, task, comm);
	for (int i = 0; i < 16; i++)
		wrong += comm[i] != name[i];
	tgid = BPF_CORE_READ(task, tgid);
	wrong += tgid != id >> 32 || BPF_CORE_READ(task, pid) != (u32)id || typed->pid != (int)(u32)id;
	wrong += BPF_CORE_READ(task, group_leader, pid) != tgid;
	parent = BPF_CORE_READ(task, real_parent, tgid);
	bpf_get_func_arg(ctx, 0, &first);
	bpf_get_func_arg(ctx, 1, &second);
	wrong += bpf_get_func_arg_cnt(ctx) != 6 || bpf_get_func_ret(ctx, &result) != -95;
	wrong += bpf_strtol(text, sizeof text, 10, &v) != 5;
	number = -v;
	wrong += bpf_copy_from_user(&copied, sizeof copied, (void *)PT_REGS_SP(ctx)) || !copied;
	return 0;
}

SEC("uretprobe//proc/self/exe:add")
int on_return(struct pt_regs *ctx)
{
	u64 none;

	wrong += bpf_get_func_arg(ctx, 0, &none) != -22;
	wrong += bpf_get_func_ret(ctx, &result) != 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
