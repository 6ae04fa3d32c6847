/* A function that does not run: a program returns for it. Large allocations fail, to see what a program does then, and who
 * asks is told to be nobody. Whether the function runs is decided for each call.
 *
 *	clang -target bpf -D__TARGET_ARCH_x86 -g -O2 -I/usr/include/x86_64-linux-gnu -c override.bpf.c
 *	bpftime run -o override.bpf.o -- id -u
 *	bpftime run -o override.bpf.o -- bash -c 'printf -v x %2000000d 0' 2>&1 || echo exit $?
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

const volatile __u64 large_bytes = 1 << 20;

SEC("uprobe/libc:malloc")
int BPF_KPROBE(on_malloc, __u64 bytes)
{
	if (bytes >= large_bytes)
		bpf_override_return(ctx, 0);
	return 0;
}

SEC("uprobe/libc:geteuid")
int on_geteuid(struct pt_regs *ctx)
{
	bpf_override_return(ctx, 65534);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
