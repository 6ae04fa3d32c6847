/* The usual style, with libbpf's own headers (libbpf-dev). */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

struct event {
	u64 took;
	u32 pid, ppid;
	char comm[16];
	long result;
};

struct event *unused __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} fallback SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, u32);
	__type(value, u64);
} start SEC(".maps");

const volatile pid_t target = 0;

SEC("uprobe/libc:malloc")
int BPF_KPROBE(enter, size_t size)
{
	u32 tid = bpf_get_current_pid_tgid();
	u64 now = bpf_ktime_get_ns();

	if (target && target != tid)
		return 1;
	bpf_map_update_elem(&start, &tid, &now, BPF_ANY);
	bpf_printk("malloc %d", size);
	return 0;
}

SEC("uretprobe/libc:malloc")
int BPF_KRETPROBE(leave, void *result)
{
	u32 tid = bpf_get_current_pid_tgid();
	u64 *began = bpf_map_lookup_elem(&start, &tid);
	struct task_struct *task;
	struct event *e;

	if (!began)
		return 1;
	if (!bpf_core_type_exists(struct bpf_ringbuf)) {
		struct event on_stack = {};
		bpf_perf_event_output(ctx, &fallback, BPF_F_CURRENT_CPU, &on_stack, sizeof(on_stack));
		return 2;
	}
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 3;
	e->took = bpf_ktime_get_ns() - *began;
	e->result = (long)result;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	task = (void *)bpf_get_current_task();
	e->pid = BPF_CORE_READ(task, pid);
	e->ppid = BPF_CORE_READ(task, real_parent, tgid);
	if (bpf_core_field_exists(task->__state))
		e->ppid += BPF_CORE_READ(task, __state);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("usdt/libc:libc:setjmp")
int BPF_USDT(on_usdt, void *buffer, long value)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_not_here))
		return 1;
	bpf_printk("%d %d", buffer, value);
	return bpf_usdt_cookie(ctx);
}

SEC("tp/syscalls/sys_enter_openat")
int on_open(struct trace_event_raw_sys_enter *ctx)
{
	char name[64];

	return bpf_probe_read_user_str(name, sizeof(name), (void *)ctx->args[1]);
}

SEC("raw_tp/sys_exit")
long on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];

	return PT_REGS_RC_CORE(regs) + ctx->args[1];
}

SEC("ksyscall/openat")
int BPF_KSYSCALL(on_syscall, int dir, const char *path, int flags)
{
	bpf_printk("%d %d", dir, flags);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
