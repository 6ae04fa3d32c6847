/* Tasks that share one map, in one thread: behind every access to memory that others
 * change, another one may go on, or the one that did it be killed, as a seed has it. So
 * what would take a machine of many processors days happens in seconds, and happens
 * again with the same seed; TRACE=1 then prints every access.
 *
 *   model MAP WHAT ENTRIES FIRST_SEED SEEDS
 *
 * WHAT: queue, stack: pushes and pops; hash: all operations on a few keys; each with
 * `!` behind it: tasks are killed, too. fill: each writes all the keys there is room for.
 *
 * Behind each seed every lease does one thing more, which finds what was in its hand;
 * then nodes are counted. Says what was wrong, and the seed. */
#include <sched.h>
#include <ucontext.h>

#pragma GCC target("general-regs-only") /* as those that are included below */
#include "host.h"

#define TASKS 4
#define STEPS 3000 /* switches of a seed */
#define STACK 65536

static struct task {
	ucontext_t context;
	struct caller caller;
	u64 frozen; /* until this step */
	u8 stack[STACK];
} tasks[TASKS];
static ucontext_t scheduler;
static u32 running, wrong;
static u64 state, step, seed, ops;
static int killing, tracing, checking, quiet = 1;
static char what;
static struct map_header *map;
static u8 *image;
static u64 image_size;

static u64 random64(void)
{
	u64 z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void yield(void)
{
	if (quiet || random64() % 8)
		return;
	swapcontext(&tasks[running].context, &scheduler);
}

static void name(const void *p)
{
	u64 at = (u64)p - (u64)map;

	if (at >= image_size)
		printf("%p", p);
	else if (at >= map->records && at < map->records + 513 * 64)
		printf("record %llu +%llu", (unsigned long long)(at - map->records) / 64, (unsigned long long)(at - map->records) % 64);
	else if (at >= map->nodes)
		printf("node %llu +%llu", (unsigned long long)(at - map->nodes) / map->node_stride, (unsigned long long)(at - map->nodes) % map->node_stride);
	else if (at >= map->free)
		printf("pool word %llu", (unsigned long long)(at - map->free) / 8);
	else if (at >= map->buckets)
		printf("head %llu", (unsigned long long)(at - map->buckets) / 8);
	else
		printf("+%llu", (unsigned long long)at);
}

static void trace(const char *file, int at, const char *how, const void *p, u64 old, u64 new)
{
	if (!tracing || quiet)
		return;
	printf("%llu task %u %s:%d %s ", (unsigned long long)step, running, file, at, how);
	name(p);
	printf(" %llx %llx\n", (unsigned long long)old, (unsigned long long)new);
}

static int cas_u64(const char *file, int at, void *p, u64 old, u64 new)
{
	int ok;

	yield();
	ok = __atomic_compare_exchange_n((u64 *)p, &old, new, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	trace(file, at, ok ? "cas" : "CAS FAILS", p, old, new);
	return ok;
}

static int cas_u16(u16 *p, u16 old, u16 new)
{
	yield();
	return __atomic_compare_exchange_n(p, &old, new, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#undef load
#undef store
#undef cas
#define load(p) (yield(), __atomic_load_n(p, __ATOMIC_ACQUIRE))
#define store(p, v) \
	({ \
		__typeof__(*(p)) v_ = (v); \
		yield(); \
		trace(__FILE_NAME__, __LINE__, "store", p, 0, (u64)v_); \
		__atomic_store_n(p, v_, __ATOMIC_RELEASE); \
	})
#define cas(p, old, new) (sizeof *(p) == 8 ? cas_u64(__FILE_NAME__, __LINE__, p, old, new) : cas_u16((void *)(p), (u16)(old), (u16)(new)))
#undef MAP_NRECORDS
#define MAP_NRECORDS 8 /* so that walks over all of them are short */

#include "map_block.c"
#include "map_hash.c"
#undef NONE
#include "map_lost.c"
#undef MOST_TRIES
#include "map_steal.c"
#include "map_lru.c"

#define KEYS 6

static u64 one_op(struct caller *c, u32 entries)
{
	u64 key = random64() % KEYS, value[4] = {key, ops, ops, ops}, r = random64() % 8;
	u32 lease = c->self.lease;

	ops++;
	switch (what) {
	case 'q':
		return r < 5 ? bpftime_queue_push(map, (u8 *)value, lease) : bpftime_queue_pop(map, (u8 *)value, lease);
	case 's':
		return r < 5 ? bpftime_stack_push(map, (u8 *)value, lease) : r < 7 ? bpftime_stack_pop(map, (u8 *)value, lease) : bpftime_stack_drop(map, lease);
	case 'f':
		key = random64() % entries;
		r = bpftime_hash_update(map, (u8 *)&key, (u8 *)value, BPF_ANY, lease);
		if (r && r != error(EBUSY_)) {
			wrong++;
			printf("seed %llu, step %llu: an update says %lld\n", (unsigned long long)seed, (unsigned long long)step, (long long)r);
		}
		return r;
	}
	if (r < 5)
		return bpftime_hash_update(map, (u8 *)&key, (u8 *)value, r < 3 ? r : 0, lease);
	return bpftime_hash_delete(map, (u8 *)&key, lease);
}

static u32 g_entries;

static void task(void)
{
	struct task *t = &tasks[running];
	u64 *owner = &bpftime_resident.session->leases[t->caller.self.lease].owner;

	while (!cas(owner, 0, bpftime_private.proc))
		;
	for (;;) {
		u64 key = 0;

		if (what == 'f' && random64() % 8 == 0) {
			key = random64() % g_entries;
			bpftime_hash_delete(map, (u8 *)&key, t->caller.self.lease);
		}
		one_op(&t->caller, g_entries);
	}
}

static void start(u32 i)
{
	struct task *t = &tasks[i];

	caller_init(&t->caller, i, 0);
	getcontext(&t->context);
	t->context.uc_stack.ss_sp = t->stack;
	t->context.uc_stack.ss_size = STACK;
	makecontext(&t->context, task, 0);
	t->frozen = 0;
}

static void resume(u32 i)
{
	running = i;
	bpftime_private.proc = bpftime_resident.proc = i + 1;
	swapcontext(&scheduler, &tasks[i].context);
}

static void kill_task(u32 i)
{
	if (tracing)
		printf("%llu task %u is killed\n", (unsigned long long)step, i);
	for (u32 n = 0; n < SESSION_NLEASES; n++)
		if (bpftime_resident.session->leases[n].owner == i + 1)
			bpftime_resident.session->leases[n].owner = 0;
	start(i);
}

static void complain(const char *text, u64 have, u64 want)
{
	wrong++;
	printf("seed %llu: %s: %llu, want %llu\n", (unsigned long long)seed, text, (unsigned long long)have, (unsigned long long)want);
}

static void name_lost(void)
{
	static u8 seen[4096];

	memset(seen, 0, sizeof seen);
	for (u32 b = 0; b <= map->bucket_mask; b++)
		for (u64 link = ((u64 *)map_at(map, map->buckets))[b]; NODE(link) < map->nnodes; link = map_node(map, NODE(link))->link)
			seen[NODE(link)]++;
	for (u32 i = 0; i < 513; i++)
		if (map_record(map, i)->spare)
			seen[NODE(map_record(map, i)->spare) - 1]++;
	for (u32 i = 0; i < MAP_NLIMBO; i++)
		if (map_limbo(map)[i])
			printf("limbo %llx\n", (unsigned long long)map_limbo(map)[i]);
	for (u32 n = 0; n < map->nnodes; n++)
		if (!seen[n] && !is_pooled(map, n))
			printf("node %u is lost\n", n);
}

static void audit(u32 entries)
{
	u32 live = 0, pool[2] = {0}, spares = 0, busy = 0;

	for (u32 b = 0; b <= map->bucket_mask; b++)
		for (u64 link = ((u64 *)map_at(map, map->buckets))[b]; NODE(link) < map->nnodes && live <= map->nnodes; live++) {
			link = map_node(map, NODE(link))->link;
			busy += !!(link & MARKS);
		}
	for (u32 p = 0; p < 2; p++)
		for (u32 i = 0; i < map_words(map); i++)
			pool[p] += (u32)__builtin_popcount((u32)map_pool(map, p)[i]);
	for (u32 i = 0; i < 513; i++) {
		spares += !!map_record(map, i)->spare;
		busy += map_record(map, i)->hand || map_record(map, i)->victim;
	}
	if (live + pool[FREE] != entries)
		complain("places", live + pool[FREE], entries);
	if (pool[SPARES] + spares != map->nnodes - entries)
		complain("spare nodes", pool[SPARES] + spares, map->nnodes - entries);
	if (busy)
		complain("marks and hands", busy, 0);
	if (tracing)
		name_lost();
}

/* At any moment: no node is in two chains, or in a chain and a pool. */
static int is_sound(void)
{
	static u8 seen[4096];

	memset(seen, 0, sizeof seen);
	for (u32 b = 0; b <= map->bucket_mask; b++)
		for (u64 link = ((u64 *)map_at(map, map->buckets))[b]; NODE(link) < map->nnodes; link = map_node(map, NODE(link))->link)
			if (seen[NODE(link)]++)
				return 0;
	for (u32 n = 0; n < map->nnodes; n++)
		for (u32 p = 0; p < 2; p++)
			if (map_pool(map, p)[n / MAP_POOL_NODES] & map_bit(n) && seen[n]++)
				return 0;
	return 1;
}

static void run(u32 entries)
{
	memcpy((u8 *)map + 4096, image + 4096, image_size - 4096);
	memset(bpftime_resident.session->leases, 0, sizeof bpftime_resident.session->leases);
	state = seed;
	for (u32 i = 0; i < TASKS; i++)
		start(i);
	quiet = 0;
	for (step = 0; step < STEPS; step++) {
		u32 i = (u32)(random64() % TASKS);

		if (tasks[i].frozen > step)
			continue;
		resume(i);
		if (checking && !is_sound()) {
			complain("a node is in two places, at step", step, 0);
			break;
		}
		if (random64() % 64 == 0)
			tasks[i].frozen = step + random64() % 256;
		if (killing && random64() % 64 == 0)
			kill_task(i);
	}
	for (u32 i = 0; i < TASKS; i++)
		kill_task(i);
	quiet = 1;
	for (u32 n = 0; n < TASKS * 2; n++) {
		u64 key = 1000, value[4];
		u32 i = (n + (u32)seed) % TASKS;

		bpftime_private.proc = i + 1;
		bpftime_resident.session->leases[i].owner = i + 1;
		if (what == 'q')
			bpftime_queue_pop(map, (u8 *)value, i);
		else if (what == 's')
			bpftime_stack_pop(map, (u8 *)value, i);
		else
			bpftime_hash_delete(map, (u8 *)&key, i);
		bpftime_pool_sweep(map, map_record(map, i));
		bpftime_resident.session->leases[i].owner = 0;
	}
	audit(entries);
}

/* The map's bytes, for us alone: each seed begins with them. */
static void open_image(const char *path)
{
	int fd = open(path, O_RDONLY);

	image_size = file_size(fd);
	image = mmap(0, image_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (image == MAP_FAILED || mmap((u8 *)map + 4096, image_size - 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 4096) == MAP_FAILED)
		die(path);
	close(fd);
}

int main(int argc, char **argv)
{
	u64 first, seeds;

	if (argc != 6)
		return 2;
	session_open("-", 1);
	map = map_open(argv[1]);
	if (!map)
		return 3;
	what = *argv[2];
	killing = strchr(argv[2], '!') != 0;
	tracing = getenv("TRACE") != 0;
	checking = getenv("CHECK") != 0;
	g_entries = (u32)atoi(argv[3]);
	first = strtoull(argv[4], 0, 0);
	seeds = strtoull(argv[5], 0, 0);
	open_image(argv[1]);
	for (seed = first; seed < first + seeds && wrong < 5; seed++)
		run(g_entries);
	printf("%llu operations\n", (unsigned long long)ops);
	return wrong != 0;
}
