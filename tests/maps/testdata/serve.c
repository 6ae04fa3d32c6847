/* Answers for a map: the operations that a test asks for, one by one.
 *
 *   serve SESSION MAP
 *
 * Reads requests with a key and a value of the map's sizes behind each, and writes a
 * reply with a value behind it, from standard input to standard output. Says "no" and
 * ends when the map is refused. */
#include "host.h"

enum { LOOKUP = 1, UPDATE, DELETE, ADD, TAIL, PUSH, POP, PEEK, ALLOC, FREE, RESERVE };

struct request {
	u32 op, lease;
	u64 flags; /* or what to add */
};

static u8 key[1024], value[1 << 18];

static void get(void *to, u64 n)
{
	if (n && fread(to, n, 1, stdin) != 1)
		exit(0);
}

/* The programs of this process: identity n has its code at 1000 + n. */
static const struct program_table *programs(void)
{
	static struct { struct program_table t; u64 slots[8][2]; } p = {{7}, {{8, 1008}, {1, 1001}, {2, 1002}, {9, 1009}, {10, 1010}, {5, 1005}}};

	return &p.t;
}

/* What is asked for of an arena: pages, behind an address of 48 bits. */
static u64 pages(struct map_header *h, const struct request *q, u64 ctx)
{
	u64 addr = q->flags & 0xffffffffffff, n = q->flags >> 48;

	if (q->op == ALLOC)
		return bpftime_arena_alloc_pages((u64)h, addr, n, 0, 0, ctx);
	if (q->op == FREE)
		return bpftime_arena_free_pages((u64)h, addr, n, 0, 0, ctx);
	return bpftime_arena_reserve_pages((u64)h, addr, n, 0, 0, ctx);
}

/* LOOKUP returns 1 and the value, or 0. ADD is what a program does: look up, += */
static u64 answer(struct map_header *h, const struct request *q, const u8 *k, const u8 *v, u64 ctx)
{
	u64 at;

	if (q->op == UPDATE)
		return bpftime_map_update_elem((u64)h, (u64)k, (u64)v, q->flags, 0, ctx);
	if (q->op == DELETE)
		return bpftime_map_delete_elem((u64)h, (u64)k, 0, 0, 0, ctx);
	if (q->op == PUSH)
		return bpftime_map_push_elem((u64)h, (u64)v, q->flags, 0, 0, ctx);
	if (q->op == POP || q->op == PEEK) {
		u8 *to = malloc(h->value_size);
		u64 r;

		memcpy(to, v, h->value_size);
		r = q->op == POP ? bpftime_map_pop_elem((u64)h, (u64)to, 0, 0, 0, ctx) : bpftime_map_peek_elem((u64)h, (u64)to, 0, 0, 0, ctx);
		memcpy(value, to, h->value_size);
		free(to);
		return r;
	}
	if (q->op >= ALLOC)
		return pages(h, q, ctx);
	if (q->op == TAIL)
		return bpftime_tail_call(ctx, (u64)h, q->flags, (u64)programs(), 0, ctx);
	at = bpftime_map_lookup_elem((u64)h, (u64)k, 0, 0, 0, ctx);
	if (!at)
		return 0;
	if (q->op == ADD)
		*(u64 *)at += q->flags;
	memcpy(value, (const void *)at, h->value_size);
	return 1;
}

int main(int argc, char **argv)
{
	struct map_header *h;
	struct caller c;
	struct request q;

	if (argc != 3)
		return 2;
	session_open(argv[1], 1);
	h = map_open(argv[2]);
	if (!h) {
		puts("no");
		return 0;
	}
	for (;;) {
		u8 *k = malloc(h->key_size), *v = malloc(h->value_size);
		u64 r;

		get(&q, sizeof q);
		get(key, h->key_size);
		get(value, h->value_size);
		/* of their exact size, so that a sanitizer sees what is read beyond */
		memcpy(k, key, h->key_size);
		memcpy(v, value, h->value_size);
		caller_init(&c, q.lease, 0);
		new_run(&c);
		r = answer(h, &q, k, v, context(&c));
		free(k);
		free(v);
		if (fwrite(&r, sizeof r, 1, stdout) != 1 || (h->value_size && fwrite(value, h->value_size, 1, stdout) != 1) || fflush(stdout))
			return 1;
	}
}
