/* task_storage: a value for each thread, which goes when the thread goes.
 *
 * It is a hash (map_hash.c) whose keys are threads, so whoever is killed anywhere leaves
 * it whole. A thread's numbers may be another's when it has ended, of which nobody tells
 * us; so when it first asked for its storage (CLOCK_BOOTTIME) belongs to the key. That is
 * remembered
 *
 *   of a thread               in its TLS, which a new thread has empty
 *   of the first of a process in bpftime_private, which is wiped in a forked child; so
 *                             other threads find its storage too (group_leader)
 *
 * and what a thread left is found by no other. Readers compare the time with when the
 * thread that now has the number began. When there is no room, entries are removed whose
 * threads are gone, as far as we see their PID namespace, at most once a second.
 *
 * Of tasks there are the current one and its leader; of a parent nothing is stored. A
 * task that has its parent's TLS, or none that we know, has no storage.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "map_hash.h"

#include <asm/unistd.h>

enum { GET_F_CREATE = 1 };

struct key {
	u32 tid, pid;
	u64 ns, born;
};
_Static_assert(sizeof(struct key) == MAP_TASK_KEY, "abi.h");

/* Since when; now, if it was not asked before. A signal handler may do it meanwhile. */
INLINE u64 known_since(u64 *born)
{
	if (unlikely(!*born))
		cas(born, 0, bpftime_ktime_get_boot_ns());
	return *born;
}

/* The thread that a task is; 0: it is none of those that have storage. */
static HOT int task_key(u64 task, struct key *k, u32 lease)
{
	u64 id = bpftime_task_id(task, lease), now = bpftime_get_current_pid_tgid();

	*k = (struct key){(u32)id, (u32)(id >> 32), bpftime_resident.pidns_ino, 0};
	if (!id || k->pid != now >> 32 || now != bpftime_self.pid_tgid || k->pid != bpftime_private.pid)
		return 0;
	if (k->tid == k->pid)
		k->born = known_since(&bpftime_private.born);
	else if (id == now)
		k->born = known_since(&bpftime_self.born);
	return k->born != 0;
}

/* ---- room ---- */

/* Who has our number, or our leader's, is ourselves or dead. Of others only who sees the
 * same numbers can tell. */
static HOT int is_dead(const struct key *k, const struct key *self)
{
	if (k->ns != self->ns)
		return 0;
	if (k->pid == self->pid && k->tid == self->tid)
		return k->born != self->born;
	if (k->pid == self->pid && k->tid == k->pid)
		return k->born != bpftime_private.born;
	return bpftime_syscall(__NR_tgkill, k->pid, k->tid, 0, 0, 0) == -ESRCH_;
}

/* How many entries were of nobody. */
static HOT u32 bury(struct map_header *h, const struct key *self, u32 lease)
{
	u64 *free = map_pool(h, FREE), *spare = map_pool(h, SPARES);
	u32 found = 0;

	for (u32 n = 0; n < h->nnodes; n++) {
		struct key k;

		__builtin_memcpy(&k, map_node(h, n)->key, sizeof k);
		if ((load(&free[n / 64]) | load(&spare[n / 64])) >> n % 64 & 1 || !k.pid || !is_dead(&k, self))
			continue;
		found += !bpftime_hash_delete(h, (const u8 *)&k, lease);
	}
	return found;
}

#define EVERY 1000000000ul

/* Where all live, it is not asked again at once. */
static HOT void make_room(struct map_header *h, const struct key *self, u32 lease)
{
	u64 *last = &map_control(h)->clock, now = bpftime_ktime_get_coarse_ns();

	if (now - load(last) >= EVERY && !bury(h, self, lease))
		store(last, now);
}

static HOT u64 insert(struct map_header *h, const struct key *k, const u8 *value, u32 lease)
{
	u64 r = bpftime_hash_update(h, (const u8 *)k, value, BPF_NOEXIST, lease);

	if (likely(r != error(E2BIG_)))
		return r;
	make_room(h, k, lease);
	return bpftime_hash_update(h, (const u8 *)k, value, BPF_NOEXIST, lease);
}

/* A signal handler, or another thread, may have made it meanwhile. */
static HOT u64 create(struct map_header *h, const struct key *k, const u8 *value, u32 lease)
{
	u64 r;

	if (!value) {
		u8 *none = bpftime_scratch(lease, h->value_size);

		zero(none, h->value_size);
		value = none;
	}
	r = insert(h, k, value, lease);
	if (!r || r == error(EEXIST_))
		return bpftime_hash_lookup(h, (const u8 *)k, lease);
	map_count(&map_control(h)->misses);
	return 0;
}

/* void *bpf_task_storage_get(struct bpf_map *map, struct task_struct *task, void *value, u64 flags) */
HOT u64 bpftime_task_storage_get(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u32 lease = thread_of(ctx)->lease;
	struct key k;
	u64 at;

	if (h->type != TYPE_TASK_STORAGE || r4 & ~(u64)GET_F_CREATE || !task_key(r2, &k, lease))
		return 0;
	at = bpftime_hash_lookup(h, (const u8 *)&k, lease);
	return at || !(r4 & GET_F_CREATE) ? at : create(h, &k, (const u8 *)r3, lease);
}

/* long bpf_task_storage_delete(struct bpf_map *map, struct task_struct *task) */
HOT u64 bpftime_task_storage_delete(BPF_ARGS)
{
	struct map_header *h = (struct map_header *)r1;
	u32 lease = thread_of(ctx)->lease;
	struct key k;

	if (h->type != TYPE_TASK_STORAGE)
		return error(ENOTSUPP_);
	if (!r2)
		return error(EINVAL_);
	if (!task_key(r2, &k, lease))
		return error(ENOENT_);
	return bpftime_hash_delete(h, (const u8 *)&k, lease);
}
