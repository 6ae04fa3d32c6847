/* What chain.bpf.c goes on with. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

int second(struct pt_regs *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(u32));
	__array(values, int(void *));
} next SEC(".maps") = {
	.values = {
		[0] = (void *)&second,
	},
};

u64 seconds, missed, sums;

SEC("uprobe")
int second(struct pt_regs *ctx)
{
	seconds++;
	sums += PT_REGS_PARM2(ctx);
	bpf_tail_call(ctx, &next, 1);
	missed++;
	return 0;
}
