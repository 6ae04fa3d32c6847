/* funccount SPEC…: how often each is hit. The link of every attachment has a
 * counter of its own, so there is nothing left to do. */
#include "gadget.bpf.h"

SEC("uprobe")
int count(struct pt_regs *ctx)
{
	return 0;
}
