/* What every gadget begins with. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* The slot of a log2 histogram that v is counted in: slot n holds [2^n, 2^(n+1)),
 * slot 0 also 0. */
static __always_inline __u32 log2_slot(__u64 v, __u32 slots)
{
	__u32 n = 0;

	for (__u32 shift = 32; shift; shift >>= 1)
		if (v >> shift) {
			v >>= shift;
			n += shift;
		}
	return n < slots ? n : slots - 1;
}
