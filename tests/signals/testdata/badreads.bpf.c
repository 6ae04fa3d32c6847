// Reads what is never there, and what is, at every hit.
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("uprobe")
int on_touch(struct pt_regs *ctx)
{
	long v = 0;

	bpf_probe_read_user(&v, sizeof v, (void *)8);
	return bpf_probe_read_user(&v, sizeof v, (void *)PT_REGS_SP(ctx));
}

char _license[] SEC("license") = "GPL";
