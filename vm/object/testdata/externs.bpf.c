/* What an object may want from a kernel. */
#include "bpf.h"

enum libbpf_tristate { TRI_NO, TRI_MODULE, TRI_YES };

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_BPF_COOKIE __kconfig __weak;
extern bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;
extern enum libbpf_tristate CONFIG_ARCH_HAS_SYSCALL_WRAPPER __kconfig;
extern char CONFIG_X86_64 __kconfig;
extern u32 CONFIG_OF_SOMETHING __kconfig __weak;
extern u64 CONFIG_NEEDED __kconfig;
extern const void init_task __ksym __weak;
extern const void needed_symbol __ksym;
extern int bpf_optional_kfunc(u64 x) __ksym __weak;
extern int bpf_needed_kfunc(u64 x) __ksym;

const volatile bool use_kfunc;

SEC("uprobe")
u64 known(struct pt_regs *ctx)
{
	return (LINUX_KERNEL_VERSION >> 8) + LINUX_HAS_BPF_COOKIE * 1000000 + LINUX_HAS_SYSCALL_WRAPPER * 10000000ull +
	       CONFIG_ARCH_HAS_SYSCALL_WRAPPER * 100000000ull + CONFIG_X86_64 * 1000000000ull;
}

SEC("uprobe")
u64 absent(struct pt_regs *ctx)
{
	if (&init_task)
		return 1;
	if (bpf_optional_kfunc)
		return bpf_optional_kfunc(ctx->rdi);
	return CONFIG_OF_SOMETHING + 5;
}

SEC("uprobe")
u64 by_constant(struct pt_regs *ctx)
{
	return use_kfunc ? bpf_needed_kfunc(ctx->rdi) : 9;
}

SEC("uprobe")
u64 needs_config(struct pt_regs *ctx)
{
	return CONFIG_NEEDED;
}

SEC("uprobe")
u64 needs_symbol(struct pt_regs *ctx)
{
	return (u64)&needed_symbol;
}

SEC("uprobe")
u64 needs_kfunc(struct pt_regs *ctx)
{
	return bpf_needed_kfunc(ctx->rdi);
}
