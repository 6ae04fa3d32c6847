/* A variable in an arena that there is not. */
#include "bpf.h"

u64 calls SEC(".addr_space.1") = 100;

SEC("uprobe/libc:malloc")
int count(struct pt_regs *ctx)
{
	return calls;
}
