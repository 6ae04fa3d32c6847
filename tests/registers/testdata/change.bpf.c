/* Writes to everything it is given. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

const volatile __u64 flags, sp, ip; /* ip: 1 is the return address */

static __always_inline void change(struct pt_regs *ctx)
{
	ctx->r15 ^= 0x0101010101010101;
	ctx->r14 ^= 0x0202020202020202;
	ctx->r13 ^= 0x0303030303030303;
	ctx->r12 ^= 0x0404040404040404;
	ctx->rbp ^= 0x0505050505050505;
	ctx->rbx ^= 0x0606060606060606;
	ctx->r11 ^= 0x0707070707070707;
	ctx->r10 ^= 0x0808080808080808;
	ctx->r9 ^= 0x0909090909090909;
	ctx->r8 ^= 0x0a0a0a0a0a0a0a0a;
	ctx->rax ^= 0x0b0b0b0b0b0b0b0b;
	ctx->rcx ^= 0x0c0c0c0c0c0c0c0c;
	ctx->rdx ^= 0x0d0d0d0d0d0d0d0d;
	ctx->rsi ^= 0x0e0e0e0e0e0e0e0e;
	ctx->rdi ^= 0x0f0f0f0f0f0f0f0f;
	ctx->eflags ^= flags;
	ctx->cs = ctx->ss = 0;
	if (ip == 1)
		bpf_probe_read_user(&ctx->rip, 8, (void *)ctx->rsp);
	else if (ip)
		ctx->rip = ip;
	ctx->rsp += sp;
}

SEC("uprobe")
int write(struct pt_regs *ctx)
{
	change(ctx);
	return 0;
}

/* What the first of several wrote, the second sees, and has the last word. */
SEC("uprobe")
int again(struct pt_regs *ctx)
{
	change(ctx);
	ctx->rdi = ctx->rsi;
	return 0;
}

SEC("uprobe")
int look(struct pt_regs *ctx)
{
	return ctx->rdi & 1;
}

/* Writes what is there. */
SEC("uprobe")
int rewrite(struct pt_regs *ctx)
{
	*(volatile __u64 *)&ctx->rdi = ctx->rdi;
	return 0;
}

/* The same by the long way: only iretq sets DF. */
SEC("uprobe")
int leave(struct pt_regs *ctx)
{
	ctx->eflags |= 1;
	return 0;
}

SEC("uprobe")
int leave_df(struct pt_regs *ctx)
{
	ctx->eflags |= 0x400;
	return 0;
}

SEC("uprobe")
int override(struct pt_regs *ctx)
{
	bpf_override_return(ctx, 0x1234);
	return 0;
}

SEC("uprobe")
int override_odd(struct pt_regs *ctx)
{
	if (ctx->r15 & 1)
		bpf_override_return(ctx, ctx->r15 + ctx->r14);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
