/* A program that asks what there is before it uses it: CO-RE, configuration, helpers. Its answers are bits. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_BPF_COOKIE __kconfig __weak;
extern bool CONFIG_NO_SUCH_THING __kconfig __weak;
extern int no_such_kfunc(void *p) __ksym __weak;

u32 answers;
u64 ip, first, second, sum, stack;

SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(on_add, long a, long b)
{
	u32 yes = 0;

	yes |= bpf_core_type_exists(struct task_struct) << 0;
	yes |= bpf_core_field_exists(((struct task_struct *)0)->tgid) << 1;
	yes |= bpf_core_field_exists(((struct pt_regs *)0)->di) << 2;
	yes |= (LINUX_KERNEL_VERSION >= 0x050f00) << 3;
	yes |= LINUX_HAS_BPF_COOKIE << 4;
	/* what must not be there */
	yes |= bpf_core_type_exists(struct no_such_type) << 8;
	yes |= bpf_core_field_exists(((struct task_struct *)0)->no_such_member) << 9;
	yes |= CONFIG_NO_SUCH_THING << 10;
	if (no_such_kfunc)
		yes |= (no_such_kfunc(ctx) | 1) << 11;
	if (bpf_core_type_exists(struct no_such_type))
		bpf_printk("%d", BPF_CORE_READ((struct no_such_type *)ctx, x));
	answers = yes;
	ip = bpf_get_func_ip(ctx);
	first = a;
	second = b;
	stack = PT_REGS_SP(ctx);
	sum += PT_REGS_PARM1(ctx) + BPF_CORE_READ(ctx, si);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
