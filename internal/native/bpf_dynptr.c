/* Dynptrs: memory of the program's whose size is known only when it runs. One lies in 16
 * bytes of the program's stack, as the kernel's struct bpf_dynptr_kern does:
 *
 *   u64 data     0: it is none
 *   u32 size     24 bits, and the highest one: it may only be read
 *   u32 offset   0: nothing here makes one that begins further on
 *
 * Every access is checked against the size. That a program does not write one itself is
 * the verifier's care, as with all that lies on its stack.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map.h"

static HOT u64 set(struct dynptr *p, u64 data, u64 size, u64 result)
{
	p->data = data;
	p->size = (u32)size;
	p->offset = 0;
	return result;
}

INLINE u64 none(struct dynptr *p, int e) { return set(p, 0, 0, error(e)); }

INLINE int holds(const struct dynptr *p, u64 offset, u64 n)
{
	u64 size = p->size & DYNPTR_MOST;

	return n <= size && offset <= size - n;
}

/* They may overlap. */
static HOT void move(u8 *to, const u8 *from, u64 n)
{
	if (to - from < 0)
		for (u64 i = 0; i < n; i++)
			to[i] = from[i];
	else
		while (n--)
			to[n] = from[n];
}

/* r1: data, r2: size, r3: flags, r4: dynptr */
HOT u64 bpftime_dynptr_from_mem(BPF_ARGS)
{
	struct dynptr *p = (struct dynptr *)r4;

	if ((u32)r2 > DYNPTR_MOST)
		return none(p, E2BIG_);
	return r3 ? none(p, EINVAL_) : set(p, r1, (u32)r2, 0);
}

/* r1: map, r2: size, r3: flags, r4: dynptr */
HOT u64 bpftime_ringbuf_reserve_dynptr(BPF_ARGS)
{
	struct dynptr *p = (struct dynptr *)r4;
	u64 size = (u32)r2, sample;

	if (r3)
		return none(p, EINVAL_);
	if (size > DYNPTR_MOST)
		return none(p, E2BIG_);
	sample = bpftime_ringbuf_reserve(r1, size, 0, 0, 0, ctx);
	return sample ? set(p, sample, size, 0) : none(p, EINVAL_);
}

/* r1: dynptr, r2: flags. The program calls one of these also when it has none. */
HOT u64 bpftime_ringbuf_submit_dynptr(BPF_ARGS)
{
	struct dynptr *p = (struct dynptr *)r1;

	if (p->data)
		bpftime_ringbuf_submit(p->data, r2, 0, 0, 0, ctx);
	return set(p, 0, 0, 0);
}

HOT u64 bpftime_ringbuf_discard_dynptr(BPF_ARGS)
{
	struct dynptr *p = (struct dynptr *)r1;

	if (p->data)
		bpftime_ringbuf_discard(p->data, r2, 0, 0, 0, ctx);
	return set(p, 0, 0, 0);
}

/* r1: target, r2: size, r3: dynptr, r4: offset, r5: flags */
HOT u64 bpftime_dynptr_read(BPF_ARGS)
{
	const struct dynptr *p = (const struct dynptr *)r3;
	u64 n = (u32)r2, offset = (u32)r4;

	if (!p->data || r5)
		return error(EINVAL_);
	if (!holds(p, offset, n))
		return error(E2BIG_);
	move((u8 *)r1, (const u8 *)p->data + offset, n);
	return 0;
}

/* r1: dynptr, r2: offset, r3: source, r4: size, r5: flags */
HOT u64 bpftime_dynptr_write(BPF_ARGS)
{
	const struct dynptr *p = (const struct dynptr *)r1;
	u64 n = (u32)r4, offset = (u32)r2;

	if (!p->data || r5)
		return error(EINVAL_);
	if (!holds(p, offset, n))
		return error(E2BIG_);
	move((u8 *)p->data + offset, (const u8 *)r3, n);
	return 0;
}

/* r1: dynptr, r2: offset, r3: size: the memory, or 0 */
HOT u64 bpftime_dynptr_data(BPF_ARGS)
{
	const struct dynptr *p = (const struct dynptr *)r1;

	return p->data && holds(p, (u32)r2, (u32)r3) ? p->data + (u32)r2 : 0;
}
