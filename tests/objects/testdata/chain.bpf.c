/* Goes on with a program of another object (chained.bpf.c), which comes back to this one. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u32);
} next SEC(".maps");

u64 firsts, missed, thirds, sums;

SEC("uprobe//proc/self/exe:add")
int first(struct pt_regs *ctx)
{
	firsts++;
	bpf_tail_call(ctx, &next, 0);
	missed++;
	return 0;
}

SEC("uprobe")
int third(struct pt_regs *ctx)
{
	thirds++;
	sums += PT_REGS_PARM1(ctx);
	return 0;
}
