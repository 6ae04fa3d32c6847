/* Programs that do nothing but what takes a thunk of its own: they look at what they are given, or write to it. */
struct pt_regs {
	unsigned long r[21];
};

__attribute__((section("uprobe"), used)) int look(struct pt_regs *ctx)
{
	return (int)ctx->r[14] & 1;
}

__attribute__((section("uprobe"), used)) int rewrite(struct pt_regs *ctx)
{
	*(volatile unsigned long *)&ctx->r[14] = ctx->r[14];
	return 0;
}

char LICENSE[] __attribute__((section("license"), used)) = "Dual MIT/GPL";
