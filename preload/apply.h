/* What apply.c and place.c share: plans that are in this process, and where their
 * units are. */
#ifndef BPFTIME_APPLY_H
#define BPFTIME_APPLY_H

#include "agent.h"

struct resident { /* a plan whose late units may still be wanted */
	const struct plan *plan;
	struct session_link **links;
	u64 *maps;
	u64 used; /* when a unit of it was there last; idle plans are kept for a while */
	int stays; /* a site of it could not be restored: its programs are called for ever */
};

struct placed { /* a unit that is in the process */
	const struct plan *plan;
	const struct plan_unit *unit;
	struct module module;
	u64 arena;
	int stays; /* a site could not be restored */
	int here;  /* the last walk has seen its module */
};

static inline const char *name(const struct plan *p, u32 off) { return (const char *)p + p->strings + off; }
static inline const struct plan_unit *unit_of(const struct plan *p, u32 i) { return (const struct plan_unit *)((const u8 *)p + p->units) + i; }
static inline const struct plan_patch *patch_of(const struct plan *p, const struct plan_unit *u, u32 i) { return (const struct plan_patch *)((const u8 *)p + u->patches) + i; }
static inline u64 arena_size(const struct plan_unit *u) { return page_up((u64)u->code_size); }

/* apply.c: 1, or 0 and the reason is in plan_refusal() */
HIDDEN int refuse(struct text *why);
HIDDEN int refuse_maps(void);
HIDDEN int take_links(struct resident *r);
HIDDEN int take_maps(struct resident *r);
HIDDEN void drop_maps(const struct resident *r);
HIDDEN int prepare(const struct resident *res, struct placed *u);
HIDDEN int commit(struct placed *u);
HIDDEN void undo(struct placed *u);
HIDDEN void count_sites(const struct resident *res, const struct placed *u);
HIDDEN void count_calls(const struct resident *res);

/* place.c */
HIDDEN u64 mapped_before(const char *path, u64 size);

#endif
