/* The table of helpers that eBPF programs call, as code: see helpers.c. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "bpf.h"

u64 bpftime_bpf_helper(u32 id)
{
	(void)id;
	return 0;
}
