/* Helpers that no other object here calls, and that the kernel's probes may not call, or that would do something to
 * somebody there. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u64 sum, sum_of_nothing, sum_pulled, coarse_behind;

static __always_inline void sums(void)
{
	__be32 from[2] = {0x01020304, 0xffffffff}, to[2] = {0x11223344, 0xfffe0001};

	sum = (u64)bpf_csum_diff(from, sizeof from, to, sizeof to, 0x1234);
	sum_of_nothing = (u64)bpf_csum_diff(0, 0, to, 4, 0);
	sum_pulled = (u64)bpf_csum_diff(from, sizeof from, 0, 0, 5);
}

const volatile u64 dev = 0, ino = 0;
u64 in_namespace, nowhere, ours, bad_size, sent, sent_to_thread, no_signal, wrote, wrote_nowhere, length, length_of_nothing;

SEC("uprobe//proc/self/exe:greet")
int on_greet(struct pt_regs *ctx)
{
	struct {
		u32 pid, tgid;
	} ns = {};
	char word[8] = {};
	u64 id = bpf_get_current_pid_tgid();

	u64 coarse = bpf_ktime_get_coarse_ns(), now = bpf_ktime_get_ns(); /* this and the sums are not for the kernel's probes */

	coarse_behind = coarse <= now && now - coarse < 1000000000;
	sums();
	in_namespace = bpf_get_ns_current_pid_tgid(dev, ino, (void *)&ns, sizeof ns);
	ours = ns.pid == (u32)id && ns.tgid == id >> 32;
	nowhere = bpf_get_ns_current_pid_tgid(dev, ino + 1, (void *)&ns, sizeof ns);
	sent = bpf_send_signal(28 /* SIGWINCH, which nobody minds */);
	sent_to_thread = bpf_send_signal_thread(28);
	no_signal = bpf_send_signal(65);
	bpf_probe_read_user_str(word, sizeof word, (void *)PT_REGS_PARM1(ctx));
	word[0] = 'N';
	wrote = bpf_probe_write_user((void *)PT_REGS_PARM1(ctx), word, 1);
	wrote_nowhere = bpf_probe_write_user((void *)8, word, 1);
	length = bpf_probe_read_str(word, sizeof word, (void *)PT_REGS_PARM1(ctx));
	if (word[0] == 'N')
		wrote |= 256;
	bpf_printk("%d %d %s %d %d", 1, 2, word, 4, 5); /* bpf_trace_vprintk */
	length_of_nothing = bpf_probe_read_str(word, sizeof word, 0) | word[0]; /* and nothing is there */
	return 0;
}
