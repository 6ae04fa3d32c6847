/* A program that looks at its registers and calls a helper, so that nothing can be spared it. It keeps nothing. */
typedef unsigned long u64;

static u64 (*bpf_get_attach_cookie)(void *ctx) = (void *)174;

__attribute__((section("uprobe"), used)) int full(void *ctx)
{
	return *(u64 *)(ctx + 112 /* rdi */) + bpf_get_attach_cookie(ctx);
}

char LICENSE[] __attribute__((section("license"), used)) = "Dual MIT/GPL";
