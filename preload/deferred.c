/* What internal/postlink took away from the dynamic linker: the relocations of Go's
 * data, and Go's start. Both are done in the process that is about to run Go, and
 * in no other.
 */
#include "agent.h"

struct rela {
	u64 offset, info;
	s64 addend;
};

/* Filled by postlink: address of the table and its entries, address of Go's start.
 * Zero: the agent was not finished. */
static const volatile struct {
	u64 table, count, start;
} deferred __attribute__((section(".bpftime_deferred"), used)) = {0, 0, 0};

extern const char __ehdr_start[] HIDDEN;

/* Go's start, where postlink found it; 0: it is still in .init_array. */
go_start deferred_start(void)
{
	return deferred.start ? (go_start)((u64)__ehdr_start + deferred.start) : 0;
}

/* The entries are in ascending order and all in one segment. They are opened at once:
 * a call for each page would cost more. */
void apply_deferred(void)
{
	u64 base = (u64)__ehdr_start, n = deferred.count;
	const struct rela *r = (const struct rela *)(base + deferred.table);
	u64 lo = n ? page_down(base + r[0].offset) : 0, hi = n ? page_up(base + r[n - 1].offset + 8) : 0;

	sys_mprotect(lo, hi - lo, PROT_READ | PROT_WRITE);
	for (u64 i = 0; i < n; i++)
		*(u64 *)(base + r[i].offset) = base + (u64)r[i].addend;
}
