/* Semaphores of USDT markers: a u16 in the data of the module that has the marker.
 * The program looks there before it works out a marker's arguments; whoever listens
 * adds one, and takes it away when he leaves. The kernel and other sessions add to
 * the same number at any time, so it is changed in one step.
 *
 * A child of fork has its own copy, with what was added. That of a module that is
 * gone is gone with it.
 */
#include "agent.h"

static u16 *semaphore(const struct module *m, const struct plan *plan, const struct plan_unit *u, u32 i)
{
	const struct plan_semaphore *s = (const struct plan_semaphore *)((const u8 *)plan + u->semaphores);

	return (u16 *)(m->bias + s[i].vaddr);
}

/* 0: each may be added to. Else why not, and which. */
const char *semaphores_refused(const struct module *m, const struct plan *plan, const struct plan_unit *u, u64 *vaddr)
{
	static struct vma v;

	for (u32 i = 0; i < u->nsemaphores; i++) {
		u16 *s = semaphore(m, plan, u, i);

		*vaddr = (u64)s - m->bias;
		if (!data_page((u64)s, m, &v))
			return "the semaphore is not in private writable data of the file";
		if (__atomic_load_n(s, __ATOMIC_RELAXED) == 0xffff)
			return "the semaphore is at its end";
	}
	return 0;
}

void semaphores_add(const struct module *m, const struct plan *plan, const struct plan_unit *u, int n)
{
	for (u32 i = 0; i < u->nsemaphores; i++)
		__atomic_fetch_add(semaphore(m, plan, u, i), (u16)n, __ATOMIC_RELAXED);
}
