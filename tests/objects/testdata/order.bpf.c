/* Programs that say in which order they ran: each appends its number and its cookie. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} sequence SEC(".maps");

const volatile __u32 object = 0;

char LICENSE[] SEC("license") = "GPL";

/* Entry 0 is how many there are. */
static __always_inline int append(void *ctx, __u32 program)
{
	__u32 at = 0;
	__u64 *n = bpf_map_lookup_elem(&sequence, &at), v;

	if (!n)
		return 0;
	at = ++*n;
	v = object * 1000 + program * 100 + bpf_get_attach_cookie(ctx);
	bpf_map_update_elem(&sequence, &at, &v, BPF_ANY);
	return 0;
}

SEC("?uprobe")
int first(struct pt_regs *ctx)
{
	return append(ctx, 1);
}

SEC("?uprobe")
int second(struct pt_regs *ctx)
{
	return append(ctx, 2);
}

SEC("?uretprobe")
int third(struct pt_regs *ctx)
{
	return append(ctx, 3);
}
