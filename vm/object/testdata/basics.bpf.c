/* Maps, globals, constants, strings: what nearly every object has. */
#include "bpf.h"

struct key {
	u32 pid;
	u8 kind;
};

struct event {
	u64 when;
	u32 size;
	char name[12];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct key);
	__type(value, u64);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

enum mode { OFF, COUNT, RECORD = 7 };

const volatile u64 min_size = 10;
const volatile enum mode mode = RECORD;
const volatile bool verbose = 1;
static const volatile u16 step = 3;
const volatile char label[12] = "plain";
const volatile s32 offsets[4] = { -1, 2, -3, 4 };
const volatile struct {
	u8 low;
	u32 width : 5;
	u32 rest : 27;
	union {
		s64 wide;
		u8 narrow;
	};
} limits = { 1, 2, 3, { 4 } };

u64 calls;
u64 total = 1000;
static u32 seen[4];

SEC("uprobe/libc:malloc")
int on_entry(struct pt_regs *ctx)
{
	struct key key = { .pid = bpf_get_current_pid_tgid() >> 32, .kind = 1 };
	u64 now = bpf_ktime_get_ns();

	calls++;
	if (ctx->rdi < min_size)
		return 1;
	total += ctx->rdi * step;
	seen[ctx->rdi & 3]++;
	bpf_map_update_elem(&starts, &key, &now, 0);
	return 0;
}

SEC("uretprobe/libc:malloc")
int on_return(struct pt_regs *ctx)
{
	struct key key = { .pid = bpf_get_current_pid_tgid() >> 32, .kind = 1 };
	struct event event = {};
	u64 *start = bpf_map_lookup_elem(&starts, &key);

	if (!start)
		return 1;
	event.when = *start;
	event.size = total;
	for (int i = 0; i < sizeof(event.name); i++)
		event.name[i] = label[i];
	if (mode == RECORD)
		bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	if (verbose) {
		static const char text[] = "recorded %d";
		bpf_trace_printk(text, sizeof(text), seen[2] + offsets[2] + limits.narrow + limits.width);
	}
	return 0;
}

char _license[] SEC("license") = "Dual MIT/GPL";
