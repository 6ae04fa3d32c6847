/* Functions: static, global, weak, in other sections, called back. */
#include "bpf.h"

u64 result;

/* Whoever takes the first function of .text for second calls back the wrong one. */
__noinline int first(u32 i, u64 *sum)
{
	*sum += 1;
	return 0;
}

__noinline int second(u32 i, u64 *sum)
{
	*sum += 1000 + i;
	return 0;
}

static __noinline int third(u32 i, u64 *sum)
{
	*sum += 1000000;
	return i == 1;
}

static __noinline u64 square(u64 x)
{
	return x * x + (result & 1);
}

__noinline u64 cube(u64 x)
{
	return x * square(x);
}

__weak __noinline u64 fourth(u64 x)
{
	return square(x) * square(x);
}

__noinline u64 never_called(u64 x)
{
	return cube(x) + 1;
}

SEC("uprobe")
u64 powers(struct pt_regs *ctx)
{
	u64 x = ctx->rdi;

	result = x + 10 * square(x) + 100 * cube(x) + 1000 * fourth(x);
	return result;
}

SEC("uprobe")
u64 callbacks(struct pt_regs *ctx)
{
	u64 sum = 0;

	bpf_loop(3, second, &sum, 0);
	bpf_loop(5, third, &sum, 0);
	bpf_loop(ctx->rdi, first, &sum, 0);
	return sum;
}

SEC("uretprobe")
u64 of_other_section(struct pt_regs *ctx)
{
	return powers(ctx) + 1;
}
