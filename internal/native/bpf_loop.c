/* bpf_loop: a function of the program, again and again. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "bpf.h"

#define MAX_LOOPS (1u << 23)

HOT u64 bpftime_loop(BPF_ARGS)
{
	u32 n = (u32)r1, i;

	if (r4)
		return error(EINVAL_);
	if (n > MAX_LOOPS)
		return error(E2BIG_);
	for (i = 0; i < n; i++)
		if (((callback *)r2)(i, r3, 0, 0, 0, ctx))
			return i + 1ul;
	return i;
}
