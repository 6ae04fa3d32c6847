/* Programs that go on with others: by an array that the object fills, by one that is
 * filled while they run, in a chain that is longer than the kernel lets it be, and from
 * a function that was called. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

int to_self(struct pt_regs *ctx);
int last(struct pt_regs *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(u32));
	__array(values, int(void *));
} steps SEC(".maps") = {
	.values = {
		[0] = (void *)&to_self,
		[3] = (void *)&last,
	},
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u32);
} later SEC(".maps");

u64 entered, chained, fell, arguments, lasts, same, other, beyond, high, none, rest, sums;

/* The first of all: keeps something in registers and on its stack. */
SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(first, long a, long b)
{
	entered++;
	bpf_tail_call(ctx, &later, 0);
	none++;
	bpf_tail_call(ctx, &steps, 1); /* no entry */
	bpf_tail_call(ctx, &steps, 4); /* beyond the end */
	beyond += a;
	bpf_tail_call(ctx, &steps, 0);
	return 0;
}

/* As often as may be: itself, then whatever comes after. */
SEC("uprobe")
int BPF_KPROBE(to_self, long a, long b)
{
	u64 pair[2] = {(u64)a, (u64)b};

	chained++;
	bpf_tail_call(ctx, &steps, 0);
	fell++;
	arguments += pair[0] + pair[1];
	bpf_tail_call(ctx, &steps, 3); /* the limit is reached */
	rest++;
	return 0;
}

SEC("uprobe")
int BPF_KPROBE(last, long a, long b)
{
	lasts++;
	arguments += a;
	same += bpf_get_current_pid_tgid() == bpf_get_current_pid_tgid() && bpf_get_attach_cookie(ctx) == 9;
	return 0;
}

SEC("uprobe")
int BPF_KPROBE(another, long a, long b)
{
	other += b;
	return 0;
}

/* From a function: the other program returns to who called it. */
static __attribute__((noinline)) int goes_on(struct pt_regs *ctx, u32 index)
{
	bpf_tail_call(ctx, &steps, index);
	high++;
	return 1;
}

SEC("?uprobe")
int BPF_KPROBE(nested, long a, long b)
{
	long sum = a + b;

	goes_on(ctx, 3);
	goes_on(ctx, 2);
	sums += sum;
	return 0;
}
