/* Global variables of every kind, as libbpf-tools use them: constants that who loads the object sets, variables with
 * and without a value, which who reads it sees live. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

enum unit { NSEC = 1, USEC = 1000 };

struct filter {
	long min, max;
	bool negate;
};

const volatile struct filter filter = {.min = 1, .max = 1000000};
const volatile pid_t target_pid = 0;
const volatile enum unit unit = NSEC;
const volatile char name[16] = "nobody";
const volatile u32 weights[4] = {1, 1, 1, 1};

long seen, passed, weighed;
long last[2] = {-1, -2}; /* .data */
char called[16];
static long started = 1000;

static __noinline bool passes(long a) /* a function of its own */
{
	return (a >= filter.min && a <= filter.max) != filter.negate;
}

SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(on_add, long a, long b)
{
	if (target_pid && target_pid != bpf_get_current_pid_tgid() >> 32)
		return 0;
	__sync_fetch_and_add(&seen, 1);
	__sync_fetch_and_add(&started, unit);
	if (!passes(a))
		return 0;
	__sync_fetch_and_add(&passed, 1);
	__sync_fetch_and_add(&weighed, weights[a & 3]);
	last[0] = a;
	last[1] = b + started - started;
	for (int i = 0; i < sizeof(called); i++)
		called[i] = name[i];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
