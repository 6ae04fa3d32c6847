/* Judges plans as the agent does: reads "u32 size, bytes" until the end of its
 * input, writes a line for each. The line is "refused: REASON", or what the C side
 * reads in the plan, in the form that parity_test.go writes from what Go reads.
 * Each plan lies in memory of exactly its size, so that a sanitizer sees a reader
 * that steps out of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "structs.h"

const char *plan_check(const u8 *base, u64 size);

static const u8 *base;
static const struct plan *plan;

static void hex(const void *p, u64 n)
{
	const u8 *b = p;

	while (n--)
		printf("%02x", *b++);
	putchar(' ');
}

static void number(u64 v) { printf("%llu ", (unsigned long long)v); }

static void string(u32 off)
{
	const char *s = (const char *)base + plan->strings + off;

	putchar('=');
	hex(s, strlen(s));
}

static void show_unit(const struct plan_unit *u)
{
	const struct plan_reloc *r = (const struct plan_reloc *)(base + u->relocs);
	const struct plan_patch *p = (const struct plan_patch *)(base + u->patches);
	const struct plan_semaphore *s = (const struct plan_semaphore *)(base + u->semaphores);
	const struct plan_outpost *o = (const struct plan_outpost *)(base + u->outposts);

	printf("unit ");
	string(u->path);
	hex(u->build_id, u->build_id_len);
	number(u->load_base);
	number(!!(u->flags & UNIT_LATE));
	number(!!(u->flags & UNIT_HOOK));
	number(u->came);
	number(u->dispatch);
	hex(base + u->code, u->code_size);
	for (u32 i = 0; i < u->nrelocs; i++, r++)
		printf("reloc "), number(r->what & 0xff), number(r->at), number(r->what >> 8), number((u64)r->addend);
	for (u32 i = 0; i < u->npatches; i++, p++) {
		printf("patch "), number(p->vaddr), number(p->tactic), number(p->stub), number(p->rel_at);
		hex(p->orig, p->len), hex(p->text, p->len);
	}
	for (u32 i = 0; i < u->nsemaphores; i++, s++)
		printf("semaphore "), number(s->vaddr);
	for (u32 i = 0; i < u->noutposts; i++, o++)
		printf("outpost "), number(o->vaddr), number(o->stub);
}

static void show(void)
{
	const struct plan_link *l = (const struct plan_link *)(base + plan->links);
	const struct plan_map *m = (const struct plan_map *)(base + plan->maps);
	const struct plan_want *w = (const struct plan_want *)(base + plan->wants);
	const struct plan_unit *u = (const struct plan_unit *)(base + plan->units);

	printf("plan "), number(!!(plan->flags & PLAN_ABORT)), number(!!(plan->flags & PLAN_TRAPS)), number(!!(plan->flags & PLAN_READS)), number(!!(plan->flags & PLAN_CALLS)), number(!!(plan->flags & PLAN_DISPATCH));
	for (u32 i = 0; i < plan->nlinks; i++, l++)
		printf("link "), string(l->name), number(l->kind), number(l->tactic), string(l->why), number(l->refused), number(l->calls);
	for (u32 i = 0; i < plan->nmaps; i++, m++)
		printf("map "), string(m->path), number(m->size);
	for (u32 i = 0; i < plan->nwants; i++, w++)
		printf("wish "), string(w->path);
	for (u32 i = 0; i < plan->nunits; i++, u++)
		show_unit(u);
	putchar('\n');
}

int main(void)
{
	u32 size;

	while (fread(&size, sizeof size, 1, stdin) == 1) {
		u8 *p = malloc(size ? size : 1); /* aligned as what mmap returns, as far as plans need */
		const char *why;

		if (!p || fread(p, 1, size, stdin) != size)
			return 2;
		base = p;
		plan = (const struct plan *)p;
		why = plan_check(p, size);
		if (why)
			printf("refused: %s\n", why);
		else
			show();
		free(p);
		fflush(stdout);
	}
	return 0;
}
