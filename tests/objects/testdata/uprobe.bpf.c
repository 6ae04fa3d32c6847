/* In the style of libbpf-bootstrap: typed arguments, sections with and without a target. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#ifndef BPF_UPROBE /* libbpf before 1.2 */
#define BPF_UPROBE(name, args...) BPF_KPROBE(name, ##args)
#define BPF_URETPROBE(name, args...) BPF_KRETPROBE(name, ##args)
#endif

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("uprobe")
int BPF_KPROBE(uprobe_add, int a, int b)
{
	bpf_printk("uprobed_add ENTRY: a = %d, b = %d", a, b);
	return 0;
}

SEC("uretprobe")
int BPF_KRETPROBE(uretprobe_add, int ret)
{
	bpf_printk("uprobed_add EXIT: return = %d", ret);
	return 0;
}

SEC("uprobe//proc/self/exe:greet")
int BPF_UPROBE(uprobe_greet, const char *name)
{
	char text[16];
	long n = bpf_probe_read_user_str(text, sizeof(text), name);

	bpf_printk("greet ENTRY: %s, %ld bytes", text, n);
	return 0;
}

SEC("uretprobe//proc/self/exe:greet")
int BPF_URETPROBE(uretprobe_greet, const char *ret)
{
	char c = 0;

	bpf_probe_read_user(&c, 1, ret);
	bpf_printk("greet EXIT: '%c' and so on", c);
	return 0;
}
