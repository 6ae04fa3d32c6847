/* Programs that do little. First, nothing but what takes a thunk of its own: they look at what they are given, or write to it. */
#include "programs.h"

__attribute__((section("uprobe"), used)) int look(struct pt_regs *ctx)
{
	return (int)ctx->r[14] & 1;
}

__attribute__((section("uprobe"), used)) int rewrite(struct pt_regs *ctx)
{
	*(volatile unsigned long *)&ctx->r[14] = ctx->r[14];
	return 0;
}

/* Programs that call a helper so often that one call is what is left over from a hit. */

static long (*const bpf_probe_read_user)(void *to, unsigned size, const void *from) = (void *)112;
static unsigned long (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static long (*const bpf_get_current_comm)(void *to, unsigned size) = (void *)16;
static unsigned long (*const bpf_ktime_get_ns)(void) = (void *)5;

#define PROGRAM(name, call) \
	__attribute__((section("uprobe"), used)) int name(struct pt_regs *ctx) \
	{ \
		unsigned long v[2] = {0, 0}, sum = ctx->r[14]; \
		_Pragma("unroll") for (int i = 0; i < CALLS; i++) \
			call; \
		return (int)(v[0] + sum) & 1; \
	}

PROGRAM(none, __asm__ volatile("" : "+r"(sum)))
PROGRAM(read, bpf_probe_read_user(v, 8, (const void *)ctx->r[14]))
PROGRAM(bad, bpf_probe_read_user(v, 8, (const void *)8))
PROGRAM(pid, sum += bpf_get_current_pid_tgid())
PROGRAM(comm, bpf_get_current_comm(v, sizeof v))
PROGRAM(ktime, sum += bpf_ktime_get_ns())

char LICENSE[] __attribute__((section("license"), used)) = "Dual MIT/GPL";
