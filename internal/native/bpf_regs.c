/* What programs do to the probed function, and ask about its call. */
#pragma GCC target("general-regs-only")
#include "bpf.h"

#define at(ctx, reg) (*(volatile u64 *)((ctx) + (reg)))

/* The function returns r2, and its body does not run: ip leads to code of the stub that
 * returns for it, as in the kernel to just_return_func. Only the thunks that put back
 * all of pt_regs go there, and only stubs of entries have such code; attach sees to it. */
HOT u64 bpftime_override_return(BPF_ARGS)
{
	struct bpftime_run *run = run_of(ctx);

	if (!run->skip)
		return error(EINVAL_);
	at(ctx, PT_RAX) = r2;
	at(ctx, PT_RIP) = run->skip;
	return 0;
}

/* Does the program run where the function returns? */
static inline int is_return(u64 ctx)
{
	struct bpftime_run *run = run_of(ctx);

	if (run->session >= SYSCALL_RAW)
		return run->session & SYSCALL_EXIT;
	if (run->session)
		return (int)bpftime_session_is_return(0, 0, 0, 0, 0, ctx);
	return bpftime_resident.session->links[run->counter / 8].kind == LINK_RETURN;
}

#define NARGS 6 /* that registers hold; how many the function has is not known */

/* long bpf_get_func_arg(void *ctx, u32 n, u64 *value): at the entry, from the registers of the calling convention */
HOT u64 bpftime_get_func_arg(BPF_ARGS)
{
	u32 n = (u32)r2, reg = n == 0 ? PT_RDI : n == 1 ? PT_RSI : n == 2 ? PT_RDX : n == 3 ? PT_RCX : n == 4 ? PT_R8 : PT_R9;

	if (n >= NARGS || is_return(ctx))
		return error(EINVAL_);
	*(u64 *)r3 = at(ctx, reg);
	return 0;
}

/* long bpf_get_func_ret(void *ctx, u64 *value): at the return */
HOT u64 bpftime_get_func_ret(BPF_ARGS)
{
	if (!is_return(ctx))
		return error(EOPNOTSUPP_);
	*(u64 *)r2 = at(ctx, PT_RAX);
	return 0;
}

/* long bpf_get_func_arg_cnt(void *ctx) */
HOT u64 bpftime_get_func_arg_cnt(BPF_ARGS) { return is_return(ctx) ? 0 : NARGS; }
