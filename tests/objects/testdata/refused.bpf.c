/* Programs that are refused, each for a reason of its own, beside one that runs. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u64 runs;

extern int no_such_kfunc(void *p) __ksym;

SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(good, long a)
{
	__sync_fetch_and_add(&runs, 1);
	return 0;
}

struct bpf_timer {
	u64 opaque[2];
};

struct with_timer {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct with_timer);
} timers SEC(".maps");

static int expired(void *map, int *key, struct with_timer *value) { return 0; }

struct {
	__uint(type, 14); /* BPF_MAP_TYPE_DEVMAP */
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 10);
} devices SEC(".maps");

SEC("?uprobe")
int helper(struct pt_regs *ctx)
{
	u32 key = 0;
	struct with_timer *v = bpf_map_lookup_elem(&timers, &key);

	if (!v)
		return 0;
	bpf_timer_init(&v->timer, &timers, 1 /* CLOCK_MONOTONIC */);
	bpf_timer_set_callback(&v->timer, expired);
	return bpf_timer_start(&v->timer, 1000000, 0);
}

SEC("?uprobe")
int far(struct pt_regs *ctx)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&devices, &key) != 0;
}

SEC("?uprobe")
int wrong(struct pt_regs *ctx)
{
	u32 key = 0;

	return bpf_ringbuf_output(&timers, &key, sizeof(key), 0);
}

SEC("?uprobe")
int kfunc(struct pt_regs *ctx)
{
	return no_such_kfunc(ctx);
}

SEC("?uprobe")
int type(struct pt_regs *ctx)
{
	return BPF_CORE_READ((struct no_such_type *)ctx, x);
}

SEC("?uprobe")
int writes(u64 *ctx)
{
	ctx[21] = 1;
	return 0;
}

SEC("?uprobe")
int beyond(u64 *ctx)
{
	return ctx[21];
}

SEC("?xdp")
int packet(struct pt_regs *ctx)
{
	return 0;
}

/* What no program at a system call may do, or ask. */

SEC("?tp/syscalls/sys_enter_getppid")
int common(struct trace_event_raw_sys_enter *ctx)
{
	return ctx->ent.type;
}

SEC("?tp/syscalls/sys_exit_getppid")
int argument_behind(struct trace_event_raw_sys_enter *ctx)
{
	return ctx->args[1];
}

SEC("?tp/raw_syscalls/sys_enter")
int changes(struct trace_event_raw_sys_enter *ctx)
{
	ctx->args[0] = 1;
	return 0;
}

SEC("?raw_tp/sys_enter")
int third(struct bpf_raw_tracepoint_args *ctx)
{
	return ctx->args[2];
}

SEC("?ksyscall/getppid")
int overrides(struct pt_regs *ctx)
{
	return bpf_override_return(ctx, 1);
}

SEC("?tp_btf/sys_enter")
int asks_args(u64 *ctx)
{
	u64 value = 0;

	bpf_get_func_arg(ctx, 0, &value);
	return value;
}
