/* Helpers that no other object here calls, with what they must say; times only as far as they agree with each other. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define MINUS(n) ((u64)-(n))

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64[4]);
} area SEC(".maps");

u64 same, less, greater, short_one, cut, printed, parsed, parse_error, parse_range, parse_base;
u64 available, size, consumer, producer, unknown, ordered, ticks, tai_ahead;
u64 read, read_text, read_map, read_nothing, runs;
char text[24], longer[8], copied[16];

static const char apple[] = "apple", fmt[] = "%d %s %x %c", name[] = "name";

static __always_inline void strings(void)
{
	char word[8] = "apple", other[8] = "apric";
	u64 args[4];
	unsigned long v = 0;

	args[0] = MINUS(7);
	args[1] = (u64)name;
	args[2] = 0xabc;
	args[3] = 'z';

	same = bpf_strncmp(word, sizeof word, apple);
	greater = (s32)bpf_strncmp(other, sizeof other, apple) > 0;
	other[2] = 'a';
	less = (s32)bpf_strncmp(other, sizeof other, apple) < 0;
	short_one = bpf_strncmp(word, 3, apple); /* only three are compared */
	printed = bpf_snprintf(text, sizeof text, fmt, args, sizeof args);
	cut = bpf_snprintf(longer, sizeof longer, fmt, args, sizeof args);
	parsed = bpf_strtoul("0x1f,", 5, 0, &v) << 32 | v;
	parse_error = bpf_strtoul("pear", 4, 10, &v);
	parse_range = bpf_strtoul("99999999999999999999", 20, 10, &v);
	parse_base = bpf_strtoul("7", 1, 7, &v);
}

static __always_inline void rings(void)
{
	u64 record[2] = {1, 2};

	bpf_ringbuf_output(&ring, record, sizeof record, 1 /* BPF_RB_NO_WAKEUP */);
	available = bpf_ringbuf_query(&ring, 0 /* BPF_RB_AVAIL_DATA */);
	size = bpf_ringbuf_query(&ring, 1 /* BPF_RB_RING_SIZE */);
	consumer = bpf_ringbuf_query(&ring, 2 /* BPF_RB_CONS_POS */);
	producer = bpf_ringbuf_query(&ring, 3 /* BPF_RB_PROD_POS */);
	unknown = bpf_ringbuf_query(&ring, 77);
}

static __always_inline void times(void)
{
	u64 now = bpf_ktime_get_ns(), later = bpf_ktime_get_ns(), boot = bpf_ktime_get_boot_ns();
	u64 tai = bpf_ktime_get_tai_ns(), jiffies = bpf_jiffies64();

	ordered = now <= later && later <= boot;
	tai_ahead = tai > boot;
	ticks = jiffies && bpf_jiffies64() - jiffies < 1000;
}

static __always_inline void reads(struct pt_regs *ctx)
{
	u32 zero = 0;
	u64 word = 0, *v = bpf_map_lookup_elem(&area, &zero);

	read = bpf_probe_read(&word, sizeof word, (void *)PT_REGS_SP(ctx)) == 0 && word != 0;
	read_nothing = bpf_probe_read(&word, sizeof word, 0) == MINUS(14) && word == 0;
	if (!v)
		return;
	v[1] = 0x656c707061; /* "apple" */
	read_map = bpf_probe_read_kernel(&word, sizeof word, v + 1) == 0 && word == v[1];
	read_text = bpf_probe_read_kernel_str(copied, sizeof copied, v + 1);
}

SEC("uprobe//proc/self/exe:add")
int on_add(struct pt_regs *ctx)
{
	if (runs++)
		return 0;
	strings();
	rings();
	times();
	reads(ctx);
	return 0;
}
