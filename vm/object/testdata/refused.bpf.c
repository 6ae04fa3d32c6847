/* Programs that cannot run here, beside one that can. */
#include "bpf.h"

static const char *names[] = { "a", "bb" };
static const char text[] = "text";
static long (*bpf_get_socket_cookie)(void *ctx) = (void *)46;

SEC("uprobe/libc:malloc")
int fine(struct pt_regs *ctx)
{
	return text[ctx->rdi & 3];
}

SEC("uprobe/libc:free")
int addresses(struct pt_regs *ctx)
{
	return names[ctx->rdi & 1][0];
}

SEC("uprobe/libc:free")
int no_helper(struct pt_regs *ctx)
{
	return bpf_get_socket_cookie(ctx);
}

SEC("kprobe/do_sys_open")
int of_kernel(void *ctx)
{
	return 0;
}

SEC("xdp")
int of_network(void *ctx)
{
	return 0;
}

SEC("uprob/libc:malloc")
int misspelt(void *ctx)
{
	return 0;
}

SEC("?uprobe.s/libc:malloc")
int optional(void *ctx)
{
	return 0;
}

SEC("uprobe/libc:malloc")
int writes_context(struct pt_regs *ctx)
{
	ctx->rdi = 5;
	return 0;
}
