/* Sections with demangled and mangled names, a sleepable one, a map that is pinned, a ring that is too small. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 100);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u64);
} puts_by_count SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} small SEC(".maps");

char large[1 << 20];
__u64 made, full;

char LICENSE[] SEC("license") = "GPL";

#define PUT "shop::cart::put(std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > const&, int)"

SEC("uprobe.s//proc/self/exe:" PUT)
int BPF_KPROBE(on_put, void *cart, void *what, int count)
{
	__u32 key = count;
	__u64 one = 1;

	bpf_map_update_elem(&puts_by_count, &key, &one, BPF_ANY);
	large[sizeof(large) - 1]++;
	return 0;
}

SEC("uretprobe//proc/self/exe:_ZN4shop4cart3putERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEi")
int BPF_KRETPROBE(after_put, int n)
{
	bpf_printk("%d in the cart, %s", n, n & 1 ? "odd" : "even");
	return 0;
}

SEC("uprobe/shop:shop::total")
int on_total(struct pt_regs *ctx)
{
	for (int i = 0; i < 50; i++) {
		void *r = bpf_ringbuf_reserve(&small, 56, 0);

		if (r) {
			bpf_ringbuf_discard(r, 0);
			made++;
		} else {
			full++;
		}
	}
	return 0;
}
