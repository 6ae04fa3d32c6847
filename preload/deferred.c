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

/* The entries are in ascending order, so their pages are opened as they come. */
void apply_deferred(void)
{
	u64 base = (u64)__ehdr_start, open = 0;
	const struct rela *r = (const struct rela *)(base + deferred.table);

	for (u64 i = 0; i < deferred.count; i++) {
		u64 at = base + r[i].offset, end = page_up(at + 8);

		if (end > open) {
			open = end + 15 * PAGE;
			if (failed(sys_mprotect(page_down(at), open - page_down(at), PROT_READ | PROT_WRITE))) {
				open = end;
				sys_mprotect(page_down(at), open - page_down(at), PROT_READ | PROT_WRITE);
			}
		}
		*(u64 *)at = base + (u64)r[i].addend;
	}
}
