/* Tail calls of programs at system calls lead to programs that are given the same, and to no others. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

int second(struct trace_event_raw_sys_enter *ctx);
int for_functions(struct pt_regs *ctx);
int behind(struct trace_event_raw_sys_exit *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__array(values, int(void *));
} next SEC(".maps") = {
	.values = {[0] = (void *)&second, [1] = (void *)&for_functions, [2] = (void *)&behind},
};

u64 entered, went_on, numbers, came_back, strangers, left;

SEC("tp/syscalls/sys_enter_getppid")
int first(struct trace_event_raw_sys_enter *ctx)
{
	entered++;
	bpf_tail_call(ctx, &next, 0);
	came_back++;
	return 0;
}

SEC("tp/syscalls/sys_enter_getpgrp")
int second(struct trace_event_raw_sys_enter *ctx)
{
	went_on++;
	numbers += ctx->id;
	bpf_tail_call(ctx, &next, 1); /* is given other registers */
	bpf_tail_call(ctx, &next, 2); /* a result, which is not here yet */
	left++;
	return 0;
}

SEC("uprobe//proc/self/exe:main")
int for_functions(struct pt_regs *ctx)
{
	strangers++;
	return ctx->sp > 0;
}

SEC("tp/syscalls/sys_exit_getppid")
int behind(struct trace_event_raw_sys_exit *ctx)
{
	strangers += 100;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
