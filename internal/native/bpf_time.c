/* Clocks: the vDSO's, which is the kernel's own code on memory it shares with us, on
 * our stack, in general registers. What a host sees by clock_gettime is what its
 * programs see, time namespaces included.
 *
 * The vDSO reads the time-stamp counter. A process that is started with that
 * forbidden (PR_SET_TSC) asks the kernel instead. One that forbids it to itself later
 * takes time from programs too: there is no way to know that without a call which
 * strict seccomp, which also forbids it, kills for. The coarse clock is always safe.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "bpf.h"

#include <asm/unistd.h>

enum { MONOTONIC = 1, MONOTONIC_COARSE = 6, BOOTTIME = 7, TAI = 11 };

static HOT u64 clock(u64 id)
{
	struct bpftime_resident *r = &bpftime_resident;
	u64 t[2] = {0, 0};

	if (likely(r->clock && (!r->no_tsc || id == MONOTONIC_COARSE)))
		r->clock(id, t);
	else
		bpftime_syscall(__NR_clock_gettime, id, (u64)t, 0, 0, 0);
	return t[0] * 1000000000 + t[1];
}

HOT u64 bpftime_ktime_get_ns(void) { return clock(MONOTONIC); }
HOT u64 bpftime_ktime_get_boot_ns(void) { return clock(BOOTTIME); }
HOT u64 bpftime_ktime_get_coarse_ns(void) { return clock(MONOTONIC_COARSE); }
HOT u64 bpftime_ktime_get_tai_ns(void) { return clock(TAI); }

/* u64 bpf_jiffies64(void): the kernel's count of ticks, by which the coarse clock moves on. It began five minutes before
 * 32 bits are full (INITIAL_JIFFIES); ticks of the time before the clock ran evenly are not counted. */
HOT u64 bpftime_jiffies64(void)
{
	u64 tick = bpftime_resident.tick;

	return (1ul << 32) - 300 * (1000000000 / tick) + clock(MONOTONIC_COARSE) / tick;
}
