// What views.c has a program do at touch(): read at addresses that are good and bad, as the host's memory is now.
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("uprobe")
int on_touch(struct pt_regs *ctx)
{
	long results[6] = {1}, v = 0;

	if (bpf_probe_read_user(&v, sizeof v, (void *)PT_REGS_PARM1(ctx)))
		results[0] = -1;
	results[1] = v;
	results[2] = bpf_probe_read_user(&v, sizeof v, (void *)PT_REGS_PARM2(ctx));
	results[3] = bpf_probe_read(&v, sizeof v, (void *)PT_REGS_PARM4(ctx));
	bpf_get_current_comm(&results[4], 16);
	return bpf_probe_write_user((void *)PT_REGS_PARM3(ctx), results, sizeof results);
}

char _license[] SEC("license") = "GPL";
