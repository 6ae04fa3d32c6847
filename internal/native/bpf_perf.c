/* perf_event_array: bpf_perf_event_output. The kernel has a buffer for each CPU; here
 * there is one ring for all (map_ringbuf.c), so records of all CPUs come in the order of
 * their reservations, each with the CPU it was made on before its data.
 *
 * The index of a buffer is a CPU, as libbpf's and bpftrace's consumers have it, and only
 * that of the CPU the program runs on can be written to. Whether somebody reads them is
 * not asked: a program that began before its reader loses nothing but what has no room.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map.h"

#define INDEX_MASK 0xffffffffu /* BPF_F_INDEX_MASK */
#define CURRENT_CPU 0xffffffffu /* BPF_F_CURRENT_CPU */

/* The order of the kernel's checks (kernel/trace/bpf_trace.c). */
static HOT u64 may_write(const struct map_header *h, u64 flags, u32 cpu)
{
	u32 index = flags == CURRENT_CPU ? cpu : (u32)flags;

	if (flags & ~(u64)INDEX_MASK)
		return error(EINVAL_);
	if (index >= h->max_entries)
		return error(E2BIG_);
	return index == cpu ? 0 : error(EOPNOTSUPP_);
}

/* r1: context, r2: map, r3: flags, r4: data, r5: size */
HOT u64 bpftime_perf_event_output(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r2;
	u32 cpu = (u32)bpftime_get_smp_processor_id();
	u64 *record, wrong;

	if (h->type != TYPE_PERF_EVENT_ARRAY)
		return error(EINVAL_);
	wrong = may_write(h, r3, cpu);
	if (wrong)
		return wrong;
	record = bpftime_ring_reserve(h, r5 + PERF_HEADER, ctx);
	if (!record)
		return error(ENOSPC_);
	record[1] = cpu;
	if (r5)
		copy_in((u8 *)(record + 2), (const u8 *)r4, r5);
	bpftime_ring_submit(h, record, 0);
	return 0;
}
