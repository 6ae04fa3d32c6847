/* Uses a map of whatever type in every way that a program could, whether it is of that type or not.
 *
 *   any SESSION MAP
 *
 * Says "no" when the map is refused, else "yes", and how much was done. Whoever leaves the mapping crashes. */
#include "host.h"

static u64 done, sum;

/* Results that are no errors, to show that something was done. */
static void did(u64 r) { done += (s64)r >= 0; }

static void read_all(const u8 *at, u64 n)
{
	for (u64 i = 0; i < n; i++)
		sum += *(const volatile u8 *)(at + i);
}

static u64 element(u64 map, u64 key, u64 value, u64 arg UNUSED, u64 zero UNUSED, u64 ctx UNUSED)
{
	struct map_header *h = (struct map_header *)map;

	read_all((const u8 *)key, h->key_size);
	read_all((const u8 *)value, h->value_size);
	done++;
	return 0;
}

static u64 record(u64 dynptr, u64 arg UNUSED, u64 r3 UNUSED, u64 r4 UNUSED, u64 r5 UNUSED, u64 ctx UNUSED)
{
	const struct dynptr *p = (const struct dynptr *)dynptr;

	read_all((const u8 *)p->data, p->size & DYNPTR_MOST);
	return ++done % 3 == 0;
}

/* What entries of programs and maps refer to: "o.one" is here. */
static struct map_header inner;
static struct {
	struct program_table t;
	u64 slots[8][2];
} programs = {.t = {7}};

static void know(const struct map_header *h)
{
	u64 id = 0xcbf29ce484222325u;

	for (const char *p = "o.one"; *p; p++)
		id = (id ^ (u8)*p) * 0x100000001b3u;
	programs.slots[id & 7][0] = id;
	programs.slots[id & 7][1] = 1001;
	inner = (struct map_header){.type = h->inner_type, .key_size = h->inner_key_size, .value_size = h->inner_value_size,
				    .max_entries = h->inner_max_entries, .flags = h->inner_flags};
	bpftime_map_known("o.one", (u64)&inner);
}

static void by_key(struct map_header *h, u8 *key, u8 *value, u64 ctx)
{
	u64 at;

	for (u64 flags = 0; flags < 3; flags++)
		did(bpftime_map_update_elem((u64)h, (u64)key, (u64)value, flags, 0, ctx));
	at = bpftime_map_lookup_elem((u64)h, (u64)key, 0, 0, 0, ctx);
	if (at && at != (u64)&inner)
		read_all((u8 *)at, h->value_size);
	done += !!at;
	bpftime_map_lookup_percpu_elem((u64)h, (u64)key, 0, 0, 0, ctx);
	if (*key % 4 == 0)
		did(bpftime_map_delete_elem((u64)h, (u64)key, 0, 0, 0, ctx));
}

static void by_place(struct map_header *h, u8 *value, u64 ctx)
{
	did(bpftime_map_push_elem((u64)h, (u64)value, 0, 0, 0, ctx));
	did(bpftime_map_push_elem((u64)h, (u64)value, BPF_EXIST, 0, 0, ctx));
	did(bpftime_map_peek_elem((u64)h, (u64)value, 0, 0, 0, ctx));
	did(bpftime_map_pop_elem((u64)h, (u64)value, 0, 0, 0, ctx));
	did(bpftime_for_each_map_elem((u64)h, (u64)element, 0, 0, 0, ctx));
}

static void by_record(struct map_header *h, u64 ctx)
{
	u8 data[64] = {1};
	u64 *at;

	did(bpftime_ringbuf_output((u64)h, (u64)data, sizeof data, 0, 0, ctx));
	at = (u64 *)bpftime_ringbuf_reserve((u64)h, sizeof data, 0, 0, 0, ctx);
	if (at) {
		memcpy(at, data, sizeof data);
		bpftime_ringbuf_submit((u64)at, 0, 0, 0, 0, ctx);
		done++;
	}
	for (u64 what = 0; what < 4; what++)
		sum += bpftime_ringbuf_query((u64)h, what, 0, 0, 0, ctx);
	if (h->type == TYPE_PERF_EVENT_ARRAY && (at = bpftime_ring_reserve(h, PERF_HEADER + sizeof data, ctx))) {
		at[1] = 0;
		memcpy(at + 2, data, sizeof data);
		bpftime_ring_submit(h, at, 0);
		done++;
	}
	did(bpftime_user_ringbuf_drain((u64)h, (u64)record, 0, 0, 0, ctx));
}

static void by_others(struct map_header *h, u32 n, u64 ctx)
{
	u64 ips[STACK_MOST] = {n};

	if (h->type == TYPE_PROG_ARRAY)
		done += !!bpftime_tail_call(ctx, (u64)h, n, (u64)&programs, 0, ctx);
	if (h->type == TYPE_STACK_TRACE)
		did(bpftime_stack_put(h, ips, n % STACK_MOST + 1, 0, ctx));
}

int main(int argc, char **argv)
{
	struct map_header *h;
	struct caller c;

	if (argc != 3)
		return 2;
	session_open(argv[1], 1);
	h = map_open(argv[2]);
	puts(h ? "yes" : "no");
	fflush(stdout);
	if (h)
		know(h);
	for (u32 n = 0; h && n < 12; n++) {
		u8 *key = calloc(1, h->key_size + 8ul), *value = calloc(1, h->value_size + 8ul);

		memcpy(key, &n, 4);
		caller_init(&c, n * 40, 0);
		new_run(&c);
		by_key(h, key, value, context(&c));
		by_place(h, value, context(&c));
		by_record(h, context(&c));
		by_others(h, n, context(&c));
		free(key);
		free(value);
	}
	if (h)
		printf("%llu\n", (unsigned long long)done);
	return 0;
}
