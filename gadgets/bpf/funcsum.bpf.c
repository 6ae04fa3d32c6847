/* funcsum SPEC…: the sum of the first argument at entries, of the result at
 * returns. The cookie of an attachment is its place among the arguments. */
#include "gadget.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1); /* as many as there are arguments */
	__type(key, __u32);
	__type(value, __u64);
} sums SEC(".maps");

static __always_inline void add(void *ctx, __u64 v)
{
	__u32 key = bpf_get_attach_cookie(ctx);
	__u64 *sum = bpf_map_lookup_elem(&sums, &key);

	if (sum)
		*sum += v;
}

SEC("uprobe")
int on_entry(struct pt_regs *ctx)
{
	add(ctx, PT_REGS_PARM1(ctx));
	return 0;
}

SEC("uretprobe")
int on_return(struct pt_regs *ctx)
{
	add(ctx, PT_REGS_RC(ctx));
	return 0;
}
