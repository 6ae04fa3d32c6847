/* One operation, to be followed instruction by instruction.
 *
 *   step SESSION MAP OP LEASE KEY VALUE FLAGS     OP: update, delete, add; KEY, VALUE in hex
 *                                                   output, reserve: VALUE of FLAGS bytes
 *                                                   take: from a user_ringbuf
 *                                                   quiet: output that wakes nobody
 *                                                   stack: VALUE, 8 bytes an address, FLAGS
 *                                                   alloc: FLAGS pages; free: FLAGS pages from address KEY on
 *
 * Stops with int3 before it, with 1 in the last counter of the session, writes 2
 * there behind it, and prints the result. */
#include "host.h"

static u8 key[1024], value[8192];

static void unhex(u8 *to, const char *from)
{
	for (unsigned v; sscanf(from, "%2x", &v) == 1; from += 2)
		*to++ = (u8)v;
}

/* What a program does with each record: looks at all of it. */
static u64 look(u64 dynptr, u64 sum, u64 r3 UNUSED, u64 r4 UNUSED, u64 r5 UNUSED, u64 ctx UNUSED)
{
	const struct dynptr *p = (const struct dynptr *)dynptr;

	for (u64 i = 0; i < (p->size & DYNPTR_MOST); i++)
		*(volatile u8 *)sum += ((const volatile u8 *)p->data)[i];
	return 0;
}

static u64 run(const char *op, struct map_header *h, u64 flags, u64 ctx)
{
	u64 at;

	if (*op == 'u')
		return bpftime_map_update_elem((u64)h, (u64)key, (u64)value, flags, 0, ctx);
	if (*op == 'd')
		return bpftime_map_delete_elem((u64)h, (u64)key, 0, 0, 0, ctx);
	if (!strcmp(op, "push"))
		return bpftime_map_push_elem((u64)h, (u64)value, flags, 0, 0, ctx);
	if (!strcmp(op, "pop"))
		return bpftime_map_pop_elem((u64)h, (u64)value, 0, 0, 0, ctx);
	if (!strcmp(op, "alloc")) /* FLAGS pages */
		return bpftime_arena_alloc_pages((u64)h, 0, flags, 0, 0, ctx) ? 0 : error(ENOENT_);
	if (!strcmp(op, "free")) /* FLAGS pages from address KEY on */
		return bpftime_arena_free_pages((u64)h, *(u64 *)key, flags, 0, 0, ctx);
	if (*op == 's')
		return bpftime_stack_put(h, (u64 *)value, h->value_size / 8, flags, ctx);
	if (*op == 't') {
		at = bpftime_user_ringbuf_drain((u64)h, (u64)look, (u64)key, flags, 0, ctx);
		return (s64)at < 0 ? at : -at; /* what is taken, as an error */
	}
	if (*op == 'q')
		return bpftime_ringbuf_output((u64)h, (u64)value, flags, 1 /* BPF_RB_NO_WAKEUP */, 0, ctx);
	if (*op == 'o')
		return bpftime_ringbuf_output((u64)h, (u64)value, flags, 0, 0, ctx);
	if (*op == 'r') {
		at = bpftime_ringbuf_reserve((u64)h, flags, 0, 0, 0, ctx);
		if (!at)
			return error(EAGAIN_);
		memcpy((void *)at, value, flags);
		return bpftime_ringbuf_submit(at, 0, 0, 0, 0, ctx);
	}
	at = bpftime_map_lookup_elem((u64)h, (u64)key, 0, 0, 0, ctx);
	if (at)
		*(volatile u64 *)at += flags;
	return at ? 0 : error(ENOENT_);
}

int main(int argc, char **argv)
{
	struct caller c;
	struct map_header *h;
	volatile u64 *stage;
	u64 r, flags;

	if (argc != 8)
		return 2;
	session_open(argv[1], 1);
	h = map_open(argv[2]);
	if (!h)
		return 3;
	caller_init(&c, (u32)atoi(argv[4]), 0);
	unhex(key, argv[5]);
	unhex(value, argv[6]);
	flags = strtoull(argv[7], 0, 0);
	new_run(&c);
	stage = &bpftime_resident.session->counters[SESSION_NLEASES - 1][SESSION_NLINKS - 1];
	*stage = 1;
	__asm__ volatile("int3");
	r = run(argv[3], h, flags, context(&c));
	*stage = 2;
	printf("%lld\n", (long long)r);
	return 0;
}
