/* Records of a length that is known only when the program runs, and every answer of the helpers for dynptrs. */
#include "vmlinux.h"

struct bpf_dynptr {
	u64 opaque[2];
};

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} names SEC(".maps");

struct bytes {
	char b[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct bytes);
} area SEC(".maps");

u32 calls;
s64 bad_flags, whole, read_behind, read_flags, wrote, write_behind, no_slice, reserve_flags, too_long, none_read, shifted;

static __always_inline void errors(void)
{
	u32 zero = 0;
	struct bytes *v = bpf_map_lookup_elem(&area, &zero);
	struct bpf_dynptr p;
	char b[8] = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'};

	if (!v)
		return;
	bad_flags = bpf_dynptr_from_mem(v->b, sizeof(v->b), 1, &p);
	none_read = bpf_dynptr_read(b, sizeof(b), &p, 0, 0);
	whole = bpf_dynptr_from_mem(v->b, sizeof(v->b), 0, &p);
	wrote = bpf_dynptr_write(&p, 56, b, sizeof(b), 0);
	write_behind = bpf_dynptr_write(&p, 57, b, sizeof(b), 0);
	read_behind = bpf_dynptr_read(b, sizeof(b), &p, 64, 0);
	read_flags = bpf_dynptr_read(b, sizeof(b), &p, 0, 1);
	no_slice = (s64)bpf_dynptr_data(&p, 60, 8);
	shifted = bpf_dynptr_write(&p, 57, v->b + 56, 7, 0);
}

SEC("uprobe//proc/self/exe:greet")
int BPF_KPROBE(on_greet, const char *name)
{
	struct bpf_dynptr p;
	char text[32] = {};
	long n = bpf_probe_read_user_str(text, sizeof(text), name);
	u32 *number;

	if (!calls++)
		errors();
	if (n < 0 || n > sizeof(text))
		return 0;
	if (!bpf_ringbuf_reserve_dynptr(&names, 4 + n, 0, &p)) {
		number = bpf_dynptr_data(&p, 0, 4);
		if (number)
			*number = calls;
		bpf_dynptr_write(&p, 4, text, n, 0);
	}
	if (calls % 3)
		bpf_ringbuf_submit_dynptr(&p, 0);
	else
		bpf_ringbuf_discard_dynptr(&p, 0);
	if (calls == 1) {
		reserve_flags = bpf_ringbuf_reserve_dynptr(&names, 8, 1, &p);
		bpf_ringbuf_discard_dynptr(&p, 0);
		too_long = bpf_ringbuf_reserve_dynptr(&names, 8192, 0, &p);
		bpf_ringbuf_submit_dynptr(&p, 0);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
