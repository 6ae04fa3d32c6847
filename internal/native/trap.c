/* The trap tactic: an int3 where no jump fits. Its signal comes here, and the thread
 * goes on in the stub. 2 microseconds a hit.
 *
 * The table is filled before an int3 is written, and emptied after it is gone; the
 * handler only reads. A place that was given up stays a tombstone: a probe sequence
 * may lead over it.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "signals.h"

enum { NTRAPS = 4096, TOMBSTONE = 1 };

static struct trap {
	u64 site, target;
} traps[NTRAPS];
static u32 ntraps;

static inline u32 place_of(u64 site) { return (u32)(site * 0x9e3779b97f4a7c15u >> 52); }

static struct trap *find(u64 site)
{
	for (u32 i = 0, at = place_of(site); i < NTRAPS; i++, at = (at + 1) % NTRAPS) {
		if (traps[at].site == site)
			return &traps[at];
		if (!traps[at].site)
			return 0;
	}
	return 0;
}

/* 0: there is no room, or the signal is not ours. Three quarters full, so that a search ends. */
int bpftime_trap_add(u64 site, u64 target)
{
	u32 at = place_of(site);

	if (ntraps == NTRAPS / 4 * 3 || !(bpftime_signals.owned & bit_of(SIGTRAP_)))
		return 0;
	while (traps[at].site > TOMBSTONE)
		at = (at + 1) % NTRAPS;
	ntraps += !traps[at].site;
	traps[at].target = target;
	__atomic_store_n(&traps[at].site, site, __ATOMIC_RELEASE);
	return 1;
}

void bpftime_trap_remove(u64 site)
{
	struct trap *t = find(site);

	if (t)
		__atomic_store_n(&t->site, TOMBSTONE, __ATOMIC_RELEASE);
}

static int ours(struct info *info, struct context *c)
{
	struct trap *t = info->code > 0 ? find(c->rip - 1) : 0;

	if (!t)
		return 0;
	c->rip = t->target;
	return 1;
}

long bpftime_trap_own(void) { return bpftime_signal_own(SIGTRAP_, ours); }

/* Where an int3 could not be taken out again, the signal stays ours. */
void bpftime_trap_disown(void)
{
	for (u32 i = 0; i < NTRAPS; i++)
		if (traps[i].site > TOMBSTONE)
			return;
	bpftime_signal_disown(SIGTRAP_);
}
