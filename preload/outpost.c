/* Outposts: where a punned jump leads is fixed by the bytes behind it, and so lies
 * anywhere outside of the module. There a page holds
 *
 *	jmp  *0(%rip)
 *	.quad stub
 *
 * The pages are taken before a plan maps anything else, since all the rest goes where
 * the kernel likes: perhaps there. They are never writable and executable at once.
 */
#include "agent.h"

static const struct plan_outpost *outpost(const struct plan *plan, const struct plan_unit *u, u32 i)
{
	return (const struct plan_outpost *)((const u8 *)plan + u->outposts) + i;
}

static u64 page_of(const struct module *m, const struct plan *plan, const struct plan_unit *u, u32 i)
{
	return page_down(m->bias + outpost(plan, u, i)->vaddr);
}

static void unmap_some(const struct module *m, const struct plan *plan, const struct plan_unit *u, u32 n)
{
	while (n--)
		sys_munmap(page_of(m, plan, u, n), PAGE);
}

void outposts_unmap(const struct module *m, const struct plan *plan, const struct plan_unit *u)
{
	unmap_some(m, plan, u, u->noutposts);
}

/* A kernel that does not know the flag may map elsewhere. */
static int take_page(u64 page)
{
	long at = sys_mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (!failed(at) && (u64)at != page)
		sys_munmap((u64)at, PAGE);
	return (u64)at == page;
}

/* All of a unit's, or none. */
int outposts_map(const struct module *m, const struct plan *plan, const struct plan_unit *u)
{
	for (u32 i = 0; i < u->noutposts; i++) {
		if (take_page(page_of(m, plan, u, i)))
			continue;
		unmap_some(m, plan, u, i);
		return 0;
	}
	return 1;
}

int outposts_fill(const struct module *m, const struct plan *plan, const struct plan_unit *u, u64 arena)
{
	static const u8 jump[6] = {0xff, 0x25};

	for (u32 i = 0; i < u->noutposts; i++) {
		u8 *page = (u8 *)page_of(m, plan, u, i), *at = (u8 *)(m->bias + outpost(plan, u, i)->vaddr);
		u64 stub = arena + outpost(plan, u, i)->stub;

		for (u64 k = 0; k < PAGE; k++)
			page[k] = 0xcc;
		mem_copy(at, jump, sizeof jump);
		mem_copy(at + sizeof jump, &stub, sizeof stub);
		if (failed(sys_mprotect((u64)page, PAGE, PROT_READ | PROT_EXEC)))
			return 0;
	}
	return 1;
}
