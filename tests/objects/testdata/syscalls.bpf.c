/* Every way to look at a system call, in the style of libbpf and its tools. What a way has seen last, and how often, is in
 * its place of the array; a call is known by its arguments, since others are made too. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define COPY 326 /* copy_file_range */
#define OPENAT 257

enum way {
	TP_ENTER, TP_EXIT, RAW_ENTER, RAW_EXIT, RAW_TP_ENTER, RAW_TP_EXIT, TP_BTF_ENTER, TP_BTF_EXIT, KSYSCALL, KRETSYSCALL,
	KSYSCALL_REGS, CORE_READ, NEWFSTAT, FSTAT, OPEN_TP, OPEN_KSYSCALL, GETPPID, GETPPID_EXIT, SLEEPABLE, WAYS
};

struct seen {
	u64 count;
	u64 nr;
	u64 args[6];
	s64 ret;
	u64 cookie;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WAYS);
	__type(key, u32);
	__type(value, struct seen);
} seen SEC(".maps");

/* Of the command, its first eight bytes. */
const volatile u64 only;

extern bool CONFIG_ARCH_HAS_SYSCALL_WRAPPER __kconfig;

static __always_inline struct seen *way(u32 key, void *ctx)
{
	char comm[16];
	struct seen *s;

	bpf_get_current_comm(comm, sizeof comm);
	if (*(u64 *)comm != only)
		return 0;
	s = bpf_map_lookup_elem(&seen, &key);
	if (s) {
		s->count++;
		s->cookie = bpf_get_attach_cookie(ctx);
	}
	return s;
}

static __always_inline void note(struct seen *s, u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	if (!s)
		return;
	s->nr = nr;
	s->args[0] = a, s->args[1] = b, s->args[2] = c, s->args[3] = d, s->args[4] = e, s->args[5] = f;
}

static __always_inline void came(struct seen *s, u64 nr, s64 ret)
{
	if (s)
		s->nr = nr, s->ret = ret;
}

SEC("tracepoint/syscalls/sys_enter_copy_file_range")
int tp_enter(struct trace_event_raw_sys_enter *ctx)
{
	note(way(TP_ENTER, ctx), ctx->id, ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3], ctx->args[4], ctx->args[5]);
	return 0;
}

SEC("tp/syscalls/sys_exit_copy_file_range")
int tp_exit(struct trace_event_raw_sys_exit *ctx)
{
	came(way(TP_EXIT, ctx), ctx->id, ctx->ret);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_enter")
int raw_enter(struct trace_event_raw_sys_enter *ctx)
{
	if (ctx->id == COPY)
		note(way(RAW_ENTER, ctx), ctx->id, ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3], ctx->args[4], ctx->args[5]);
	return 0;
}

SEC("tp/raw_syscalls/sys_exit")
int raw_exit(struct trace_event_raw_sys_exit *ctx)
{
	if (ctx->id == COPY)
		came(way(RAW_EXIT, ctx), ctx->id, ctx->ret);
	return 0;
}

SEC("raw_tracepoint/sys_enter")
int raw_tp_enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx->args[0];

	if (ctx->args[1] == COPY)
		note(way(RAW_TP_ENTER, ctx), BPF_CORE_READ(regs, orig_ax), PT_REGS_PARM1_CORE_SYSCALL(regs), PT_REGS_PARM2_CORE_SYSCALL(regs),
		     PT_REGS_PARM3_CORE_SYSCALL(regs), PT_REGS_PARM4_CORE_SYSCALL(regs), PT_REGS_PARM5_CORE_SYSCALL(regs), BPF_CORE_READ(regs, r9));
	return 0;
}

SEC("raw_tp/sys_exit")
int raw_tp_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx->args[0];

	if (BPF_CORE_READ(regs, orig_ax) == COPY && BPF_CORE_READ(regs, ax) == ctx->args[1])
		came(way(RAW_TP_EXIT, ctx), COPY, ctx->args[1]);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(tp_btf_enter, struct pt_regs *regs, long id)
{
	if (id == COPY)
		note(way(TP_BTF_ENTER, ctx), id, regs->di, regs->si, regs->dx, regs->r10, regs->r8, regs->r9);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(tp_btf_exit, struct pt_regs *regs, long ret)
{
	if (regs->orig_ax == COPY)
		came(way(TP_BTF_EXIT, ctx), regs->orig_ax, ret);
	return 0;
}

SEC("ksyscall/copy_file_range")
int BPF_KSYSCALL(on_copy, long in, u64 off_in, long out, u64 off_out, u64 len)
{
	note(way(KSYSCALL, ctx), COPY, in, off_in, out, off_out, len, 0);
	return 0;
}

SEC("kretsyscall/copy_file_range")
int BPF_KRETPROBE(on_copy_return, long ret)
{
	came(way(KRETSYSCALL, ctx), COPY, ret);
	return 0;
}

/* As programs were written before there was BPF_KSYSCALL. */
SEC("ksyscall/copy_file_range")
int BPF_KPROBE(on_regs, struct pt_regs *regs)
{
	if (CONFIG_ARCH_HAS_SYSCALL_WRAPPER && regs == PT_REGS_SYSCALL_REGS(ctx))
		note(way(KSYSCALL_REGS, ctx), BPF_CORE_READ(regs, orig_ax), PT_REGS_PARM1_CORE_SYSCALL(regs), PT_REGS_PARM2_CORE_SYSCALL(regs),
		     PT_REGS_PARM3_CORE_SYSCALL(regs), PT_REGS_PARM4_CORE_SYSCALL(regs), PT_REGS_PARM5_CORE_SYSCALL(regs), 0);
	return 0;
}

SEC("tp/syscalls/sys_enter_copy_file_range")
int core_read(struct trace_event_raw_sys_enter *ctx)
{
	unsigned long args[6] = {};
	long id = 0;

	bpf_core_read(&args, sizeof args, &ctx->args);
	bpf_core_read(&id, sizeof id, &ctx->id);
	note(way(CORE_READ, ctx), id, args[0], args[1], args[2], args[3], args[4], args[5]);
	return 0;
}

SEC("tp/syscalls/sys_enter_newfstat")
int newfstat(struct trace_event_raw_sys_enter *ctx)
{
	if (ctx->args[0] == -1ul)
		note(way(NEWFSTAT, ctx), ctx->id, ctx->args[0], 0, 0, 0, 0, 0);
	return 0;
}

SEC("?tp/syscalls/sys_exit_fstat")
int fstat_exit(struct trace_event_raw_sys_exit *ctx)
{
	if (ctx->ret == -9)
		came(way(FSTAT, ctx), ctx->id, ctx->ret);
	return 0;
}

SEC("tp/syscalls/sys_enter_openat")
int open_tp(struct trace_event_raw_sys_enter *ctx)
{
	char path[16] = {};

	if (ctx->args[0] != -7ul)
		return 0;
	bpf_probe_read_user_str(path, sizeof path, (const char *)ctx->args[1]);
	note(way(OPEN_TP, ctx), ctx->id, *(u64 *)path, *(u64 *)(path + 8), ctx->args[2], ctx->args[3], 0, 0);
	return 0;
}

SEC("ksyscall/openat")
int BPF_KSYSCALL(open_ksyscall, long dir, const char *file, u64 flags, u64 mode)
{
	char path[16] = {};

	if (dir != -7)
		return 0;
	bpf_probe_read_user_str(path, sizeof path, file);
	note(way(OPEN_KSYSCALL, ctx), OPENAT, *(u64 *)path, *(u64 *)(path + 8), flags, mode, 0, 0);
	return 0;
}

SEC("tp/syscalls/sys_enter_getppid")
int on_getppid(struct trace_event_raw_sys_enter *ctx) /* of a call without arguments the kernel refuses who reads ctx->id, a long */
{
	note(way(GETPPID, ctx), 110, 0, 0, 0, 0, 0, 0);
	return 0;
}

SEC("tp/syscalls/sys_exit_getppid")
int on_getppid_exit(struct trace_event_raw_sys_exit *ctx)
{
	came(way(GETPPID_EXIT, ctx), ctx->id, ctx->ret > 0);
	return 0;
}

SEC("tp.s/syscalls/sys_enter_copy_file_range")
int sleepable(struct trace_event_raw_sys_enter *ctx)
{
	note(way(SLEEPABLE, ctx), ctx->id, ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3], ctx->args[4], ctx->args[5]);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
