/* What programs do to the probed function. */
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
