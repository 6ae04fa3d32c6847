/* Records in a perf_event_array as libbpf-tools define one, and everything that can go wrong with them. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sample {
	u32 cpu, number;
	char name[20];
};

const struct sample *unused __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 4096);
	__type(key, int);
	__type(value, u32);
} flood SEC(".maps");

const volatile u32 fill = 0;
u32 calls, sent, full;
s64 none, by_number, flags, beyond, other;

static __always_inline void errors(void *ctx, struct sample *s)
{
	by_number = -95;
	for (int i = 0; i < 10 && by_number == -95; i++) /* the scheduler may come in between */
		by_number = bpf_perf_event_output(ctx, &flood, bpf_get_smp_processor_id(), s, 9);
	none = bpf_perf_event_output(ctx, &flood, BPF_F_CURRENT_CPU, s, 0);
	flags = bpf_perf_event_output(ctx, &flood, BPF_F_CURRENT_CPU | 1ULL << 32, s, 8);
	beyond = bpf_perf_event_output(ctx, &flood, 4096, s, 8);
	other = bpf_perf_event_output(ctx, &flood, 4095, s, 8);
}

SEC("uprobe//proc/self/exe:greet")
int BPF_KPROBE(on_greet, const char *name)
{
	struct sample s = {};
	char bytes[400] = {};

	s.cpu = bpf_get_smp_processor_id();
	s.number = ++calls;
	bpf_probe_read_user_str(s.name, sizeof(s.name), name);
	bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &s, sizeof(s));
	if (calls == 1)
		errors(ctx, &s);
	if (fill) {
		s64 r = bpf_perf_event_output(ctx, &flood, BPF_F_CURRENT_CPU, bytes, sizeof(bytes));

		if (!r)
			sent++;
		else if (r == -28)
			full++;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
