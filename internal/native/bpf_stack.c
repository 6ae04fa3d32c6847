/* bpf_get_stackid and bpf_get_stack: who called whom.
 *
 * A walk begins with the registers that the program is given, so nothing of ours is on
 * it. The rules of a module's code come from a table that was made of its .eh_frame
 * (internal/unwind), so code needs no frame pointers. Where there is no table (code that
 * was made at run time, a program without .eh_frame) frame
 * pointers are followed, as the kernel does everywhere. Our own frames, between a probed
 * function and its caller when its return is probed, are walked through by their own
 * tables and left out; the return address that tactic (d) keeps is in its table
 * (shadow.c).
 *
 * Words of the stack are read as they are where the thunk's frame proves them, others by
 * bpf_read.c, which may ask the kernel for a piece at a time: a rule that is wrong may lead anywhere. The
 * addresses and that piece lie in memory of the lease's, since a host's stack is small.
 *
 * There is one stack here, the process's: a program that asks for the kernel's (without
 * BPF_F_USER_STACK) gets -EFAULT, the kernel's answer where there is none.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "map.h"

#define SKIP 0xff
#define USER_STACK (1 << 8)
#define USER_BUILD_ID (1 << 11)
#define PAGE 4096ul
#define WINDOW (UNWIND_SCRATCH - 1024)
#define STEPS (STACK_MOST + SKIP + 64) /* ours included */
#define FARTHEST (64ul << 20)          /* from one frame to the next */

enum { DWARF_RBP = 6, DWARF_RSP = 7 };

extern const char bpftime_return_d_behind[] HIDDEN;

struct walk {
	u64 pc, sp, bp;
	int first;       /* pc is where the host is, not a return address */
	const u64 *regs; /* pt_regs of the first frame; 0 further up */
	u64 ctx, at, n;  /* the piece of the stack that was read */
	u64 *piece;
};

HIDDEN u64 bpftime_shadow_ra(u64 x);

INLINE u64 *scratch_of(u64 ctx) { return (u64 *)(bpftime_resident.scratch + (u64)thread_of(ctx)->lease * UNWIND_SCRATCH); }

INLINE int is_near(const struct walk *w, u64 addr)
{
	u64 frame = w->ctx - FRAME_REGS, lo = frame & -PAGE, hi = (frame + FRAME_RA + 8 + PAGE - 1) & -PAGE;

	return addr >= lo && addr < hi;
}

static HOT int word(struct walk *w, u64 addr, u64 *v)
{
	long got;

	if (addr & 7)
		return 0;
	if (is_near(w, addr)) {
		*v = *(volatile u64 *)addr;
		return 1;
	}
	if (addr - w->at >= w->n) {
		got = bpftime_read_ahead((u8 *)w->piece, addr, WINDOW, w->ctx);
		w->at = addr;
		w->n = got < 8 ? 0 : (u64)got & ~7ul;
	}
	if (addr - w->at >= w->n)
		return 0;
	*v = w->piece[(addr - w->at) / 8];
	return 1;
}

/* ---- tables ---- */

static HOT u32 rule_at(const struct bpftime_module *m, u64 addr)
{
	u64 at = addr - m->base;
	u32 lo = 0, hi = m->nrows;

	if (at >= 1ul << 32)
		return UNWIND_NONE;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (m->rows[2 * mid] <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? m->rows[2 * lo - 1] : UNWIND_NONE;
}

/* ---- one frame up: 0: that was the last ---- */

static HOT int go(struct walk *w, u64 pc, u64 sp, u64 bp)
{
	w->pc = pc;
	w->sp = sp;
	w->bp = bp;
	w->first = 0;
	w->regs = 0;
	return pc != 0;
}

INLINE u64 pt_reg(u32 dwarf)
{
	static const u8 at[16] = {PT_RAX, PT_RDX, PT_RCX, PT_RBX, PT_RSI, PT_RDI, PT_RBP, PT_RSP, PT_R8, PT_R9, PT_R10, PT_R11, PT_R12, PT_R13, PT_R14, PT_R15};

	return at[dwarf & 15] / 8;
}

static HOT int cfa_of(struct walk *w, u32 rule, u64 *cfa)
{
	u64 off = (u64)(s64)(int16_t)(rule >> UNWIND_OFF) * 8;
	u32 kind = rule & UNWIND_KIND;

	if (kind == UNWIND_DEREF)
		return word(w, w->bp + off, cfa);
	if (kind == DWARF_RSP)
		*cfa = w->sp + off;
	else if (kind == DWARF_RBP)
		*cfa = w->bp + off;
	else if (kind < 16 && w->regs)
		*cfa = w->regs[pt_reg(kind)] + off;
	else
		return 0;
	return 1;
}

static HOT int by_rule(struct walk *w, u32 rule)
{
	u64 cfa, ra, bp = w->bp;
	u32 saved = rule >> UNWIND_BP;

	if (!cfa_of(w, rule, &cfa) || cfa - w->sp - 1 >= FARTHEST || !word(w, cfa - 8, &ra))
		return 0;
	if (saved && !word(w, saved == UNWIND_BP_AT ? w->bp : cfa - 8ul * saved, &bp))
		return 0;
	return go(w, ra, cfa, bp);
}

/* The registers of who was interrupted are in the ucontext at rsp. */
static HOT int by_signal(struct walk *w)
{
	u64 pc, sp, bp;

	if (!word(w, w->sp + 120, &bp) || !word(w, w->sp + 160, &sp) || !word(w, w->sp + 168, &pc))
		return 0;
	go(w, pc, sp, bp);
	w->first = 1;
	return pc != 0;
}

/* At the entry of a function nothing was pushed yet. In a module that has a table, what
 * it does not know is asked to lead to another one that has: rbp may be anything. */
static HOT int by_pointer(struct walk *w, int strict)
{
	u64 ra, bp = w->bp;

	if (w->regs && w->pc == run_of(w->ctx)->ip)
		return word(w, w->sp, &ra) && go(w, ra, w->sp + 8, bp);
	if (w->bp - w->sp >= FARTHEST || !word(w, w->bp + 8, &ra) || !word(w, w->bp, &bp) || (strict && !bpftime_module_of(ra)))
		return 0;
	return go(w, ra, w->bp + 16, bp);
}

static HOT int up(struct walk *w, const struct bpftime_module *m)
{
	u32 rule = m ? rule_at(m, w->pc - !w->first) : UNWIND_NONE, kind = rule & UNWIND_KIND;

	if (w->pc == (u64)bpftime_return_d_behind)
		return go(w, bpftime_shadow_ra(w->sp - 8), w->sp, w->bp);
	if (kind == UNWIND_END)
		return 0;
	if (kind == UNWIND_SIGNAL)
		return by_signal(w);
	if (kind == UNWIND_NONE)
		return by_pointer(w, m != 0);
	return by_rule(w, rule);
}

/* The addresses of at most max frames, but for the first skip, and how many these are. */
static HOT u64 walk(u64 ctx, u64 *to, u64 max, u64 skip)
{
	const u64 *regs = (const u64 *)regs_of(ctx);
	struct walk w = {
		.pc = regs[PT_RIP / 8], .sp = regs[PT_RSP / 8], .bp = regs[PT_RBP / 8], .first = 1, .regs = regs, .ctx = ctx,
		.piece = scratch_of(ctx) + 128,
	};
	u64 n = 0;

	for (u32 steps = 0; n < max && steps < STEPS; steps++) {
		const struct bpftime_module *m = bpftime_module_of(w.pc - !w.first);

		if (m && m->ours)
			;
		else if (skip)
			skip--;
		else
			to[n++] = w.pc;
		if (!up(&w, m))
			break;
	}
	return n;
}

INLINE int can_walk(u64 flags) { return flags & USER_STACK && bpftime_resident.scratch; }

/* r1: context, r2: map, r3: flags */
HOT u64 bpftime_get_stackid(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r2;
	u64 *ips, n;

	if (h->type != TYPE_STACK_TRACE || r3 & ~(u64)(SKIP | USER_STACK | FAST_STACK_CMP | REUSE_STACKID))
		return error(EINVAL_);
	if (!can_walk(r3))
		return error(EFAULT_);
	ips = scratch_of(ctx);
	n = walk(ctx, ips, h->value_size / (8 * bpftime_stack_words(h)), r3 & SKIP);
	return n ? bpftime_stack_put(h, ips, n, r3, ctx) : error(EFAULT_);
}

/* The same by build-ids, of which there is room for a few in the place of many addresses. */
static HOT u64 walk_described(u64 ctx, u64 *to, u64 size, u64 skip)
{
	u64 *ips = scratch_of(ctx), most = size / BUILD_ID_SIZE, n = walk(ctx, ips, most < STACK_MOST ? most : STACK_MOST, skip);

	for (u64 i = 0; i < n; i++)
		bpftime_describe(ips[i], to + i * (BUILD_ID_SIZE / 8));
	return n * BUILD_ID_SIZE;
}

static HOT u64 walk_plain(u64 ctx, u64 *to, u64 size, u64 skip)
{
	return walk(ctx, to, size / 8 < STACK_MOST ? size / 8 : STACK_MOST, skip) * 8;
}

/* r1: context, r2: buffer, r3: size, r4: flags. The bytes written, the rest is zero. */
HOT u64 bpftime_get_stack(BPF_ARGS)
{
	u64 n = 0, r = 0, described = r4 & USER_BUILD_ID;

	if (r4 & ~(u64)(SKIP | USER_STACK | USER_BUILD_ID) || r3 % (described ? BUILD_ID_SIZE : 8) || (described && !(r4 & USER_STACK)))
		r = error(EINVAL_);
	else if (!can_walk(r4))
		r = error(EFAULT_);
	else
		n = described ? walk_described(ctx, (u64 *)r2, r3, r4 & SKIP) : walk_plain(ctx, (u64 *)r2, r3, r4 & SKIP);
	zero((u8 *)r2 + n, r3 - n);
	return r ? r : n;
}
