/* Relocations of Go's data that the dynamic linker was spared (internal/postlink):
 * they are applied here, in the process that is about to start Go.
 */
#include "agent.h"

struct rela {
	u64 offset, info;
	s64 addend;
};

/* Filled by postlink: address of the table, entries, 1. Zero: nothing deferred. */
static const volatile struct {
	u64 table, count, done;
} deferred __attribute__((section(".bpftime_deferred"), used)) = {0, 0, 0};

extern const char __ehdr_start[] HIDDEN;

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
