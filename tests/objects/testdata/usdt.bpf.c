/* Arguments of markers, by libbpf's usdt.bpf.h: one event for each hit. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#ifdef WITH_SIB
#include "usdt_sib.bpf.h"
#else
#include <bpf/usdt.bpf.h>
#endif

#define MOST 12

struct event {
	u64 cookie;
	u32 count, tid;
	long args[MOST];
	int errors[MOST];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} events SEC(".maps");

SEC("usdt")
int on_marker(struct pt_regs *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	e->cookie = bpf_usdt_cookie(ctx);
	e->count = bpf_usdt_arg_cnt(ctx);
	e->tid = bpf_get_current_pid_tgid();
#pragma unroll
	for (int i = 0; i < MOST; i++) {
		long value;

		e->errors[i] = bpf_usdt_arg(ctx, i, &value);
		e->args[i] = value;
	}
	bpf_ringbuf_submit(e, 0);
	return 0;
}

u64 calls, sum, wrong;

/* As most people write it. */
SEC("usdt//proc/self/exe:shop:inlined")
int BPF_USDT(on_inlined, long n, long three)
{
	__sync_fetch_and_add(&calls, 1);
	__sync_fetch_and_add(&sum, n);
	if (three != 3 * n)
		__sync_fetch_and_add(&wrong, 1);
	return 0;
}

u64 ticks, ticked;

SEC("usdt")
int BPF_USDT(on_tick, long n)
{
	__sync_fetch_and_add(&ticks, 1);
	__sync_fetch_and_add(&ticked, n);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
