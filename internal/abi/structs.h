/* The C view of abi.h. Nothing here is used by Go. */
#ifndef BPFTIME_STRUCTS_H
#define BPFTIME_STRUCTS_H

#include <stddef.h>
#include <stdint.h>

#include "abi.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define AT(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)

struct bpftime_thread {
	u64 counters, holder, stack;
	u16 lease;
	u8 blocked, pending;
	u32 named;
	u64 pid_tgid, born;
};
AT(bpftime_thread, counters, THREAD_COUNTERS);
AT(bpftime_thread, holder, THREAD_HOLDER);
AT(bpftime_thread, stack, THREAD_STACK);
AT(bpftime_thread, lease, THREAD_LEASE);
AT(bpftime_thread, named, THREAD_NAMED);
AT(bpftime_thread, pid_tgid, THREAD_PID_TGID);
AT(bpftime_thread, born, THREAD_BORN);
AT(bpftime_thread, blocked, THREAD_BLOCKED);
AT(bpftime_thread, pending, THREAD_PENDING);
SIZE(bpftime_thread, THREAD_SIZE);

struct bpftime_run {
	u64 fn;
	u32 counter, session;
	u64 cookie, ip, skip;
};
AT(bpftime_run, fn, RUN_FN);
AT(bpftime_run, counter, RUN_COUNTER);
AT(bpftime_run, session, RUN_SESSION);
AT(bpftime_run, cookie, RUN_COOKIE);
AT(bpftime_run, ip, RUN_IP);
AT(bpftime_run, skip, RUN_SKIP);
SIZE(bpftime_run, RUN_SIZE);

struct bpftime_calls {
	u64 enter, exit, guard, pad;
};
AT(bpftime_calls, enter, CALLS_ENTER);
AT(bpftime_calls, exit, CALLS_EXIT);
AT(bpftime_calls, guard, CALLS_GUARD);
SIZE(bpftime_calls, CALLS_SIZE);
SIZE(bpftime_calls, 1 << CALLS_SIZE_SHIFT);

struct bpftime_call_site {
	u64 ip, calls, index, number, back;
};
AT(bpftime_call_site, ip, CALL_SITE_IP);
AT(bpftime_call_site, calls, CALL_SITE_CALLS);
AT(bpftime_call_site, index, CALL_SITE_INDEX);
AT(bpftime_call_site, number, CALL_SITE_NUMBER);
AT(bpftime_call_site, back, CALL_SITE_BACK);
SIZE(bpftime_call_site, CALL_SITE_SIZE);

struct bpftime_shadow {
	u64 key, ra, site, depth;
};
AT(bpftime_shadow, key, SHADOW_KEY);
AT(bpftime_shadow, ra, SHADOW_RA);
AT(bpftime_shadow, site, SHADOW_SITE);
AT(bpftime_shadow, depth, SHADOW_DEPTH);
SIZE(bpftime_shadow, SHADOW_SIZE);

struct session_header {
	u64 magic;
	u32 version, pad;
	u64 size;
	u64 reserved[5];
	u64 log_head;
	u64 pad2[7];
	u64 trace_head;
};
AT(session_header, version, SESSION_HDR_VERSION);
AT(session_header, size, SESSION_HDR_SIZE);
AT(session_header, log_head, SESSION_HDR_LOG_HEAD);
AT(session_header, trace_head, SESSION_HDR_TRACE_HEAD);

struct session_proc {
	u32 state, pid;
	u64 start, pidns;
	u32 uid, flags;
	char comm[16], exe[PROC_EXE_SIZE];
	u64 uncovered; /* threads and children whose dispatch could not be turned on: see dispatch.c */
	u64 reserved;
};
AT(session_proc, pid, PROC_PID);
AT(session_proc, start, PROC_START);
AT(session_proc, pidns, PROC_PIDNS);
AT(session_proc, uid, PROC_UID);
AT(session_proc, flags, PROC_FLAGS);
AT(session_proc, comm, PROC_COMM);
AT(session_proc, exe, PROC_EXE);
AT(session_proc, uncovered, PROC_UNCOVERED);
SIZE(session_proc, SESSION_PROC_SIZE);

struct session_link {
	u32 state, kind;
	u64 misses;
	u32 sites, tactic, refused, pad;
	char name[LINK_NAME_SIZE], why[LINK_WHY_SIZE];
};
AT(session_link, kind, LINK_KIND);
AT(session_link, misses, LINK_MISSES);
AT(session_link, sites, LINK_SITES);
AT(session_link, tactic, LINK_TACTIC);
AT(session_link, refused, LINK_REFUSED);
AT(session_link, name, LINK_NAME);
AT(session_link, why, LINK_WHY);
SIZE(session_link, SESSION_LINK_SIZE);

struct session_lease {
	u64 owner, random;
};
AT(session_lease, owner, LEASE_OWNER);
AT(session_lease, random, LEASE_RANDOM);
SIZE(session_lease, SESSION_LEASE_SIZE);

struct session_log {
	u64 seq, time;
	u32 pid, level, len, pad;
	char text[LOG_TEXT_SIZE];
};
AT(session_log, time, LOG_TIME);
AT(session_log, pid, LOG_PID);
AT(session_log, level, LOG_LEVEL);
AT(session_log, len, LOG_LEN);
AT(session_log, text, LOG_TEXT);
SIZE(session_log, SESSION_LOG_SIZE);

struct session_trace {
	u64 seq, sum, time;
	u32 tgid, pid, cpu, len;
	char comm[16], text[TRACE_TEXT_SIZE];
};
AT(session_trace, sum, TRACE_SUM);
AT(session_trace, time, TRACE_TIME);
AT(session_trace, tgid, TRACE_TGID);
AT(session_trace, pid, TRACE_PID);
AT(session_trace, cpu, TRACE_CPU);
AT(session_trace, len, TRACE_LEN);
AT(session_trace, comm, TRACE_COMM);
AT(session_trace, text, TRACE_TEXT);
SIZE(session_trace, SESSION_TRACE_SIZE);

struct session {
	struct session_header hdr;
	u8 pad[SESSION_PROCS_OFF - sizeof(struct session_header)];
	struct session_proc procs[SESSION_NPROCS];
	struct session_link links[SESSION_NLINKS];
	struct session_lease leases[SESSION_NLEASES];
	struct session_log logs[SESSION_NLOGS];
	u64 counters[SESSION_NLEASES][SESSION_NLINKS];
	struct session_trace traces[SESSION_NTRACES];
};
AT(session, procs, SESSION_PROCS_OFF);
AT(session, links, SESSION_LINKS_OFF);
AT(session, leases, SESSION_LEASES_OFF);
AT(session, logs, SESSION_LOGS_OFF);
AT(session, counters, SESSION_COUNTERS_OFF);
AT(session, traces, SESSION_TRACES_OFF);
SIZE(session, SESSION_SIZE);

struct map_header {
	u64 magic;
	u32 version, type, key_size, value_size, max_entries, flags, nslots, value_stride;
	u64 stride, size, data;
	u64 buckets, nodes, free, records, seed;
	u32 bucket_mask, nnodes, node_stride, value_at;
	u64 control;
	u32 frozen, lock;
	u32 inner_type, inner_key_size, inner_value_size, inner_max_entries, inner_flags, ncpus;
	u8 lanes[MAP_NLANES];
	u64 start;
};
AT(map_header, start, MAP_HDR_START);
AT(map_header, inner_type, MAP_HDR_INNER_TYPE);
AT(map_header, inner_key_size, MAP_HDR_INNER_KEY_SIZE);
AT(map_header, inner_value_size, MAP_HDR_INNER_VALUE_SIZE);
AT(map_header, inner_max_entries, MAP_HDR_INNER_MAX_ENTRIES);
AT(map_header, inner_flags, MAP_HDR_INNER_FLAGS);
AT(map_header, lock, MAP_HDR_LOCK);
AT(map_header, ncpus, MAP_HDR_NCPUS);
AT(map_header, lanes, MAP_HDR_LANES);
AT(map_header, version, MAP_HDR_VERSION);
AT(map_header, type, MAP_HDR_TYPE);
AT(map_header, key_size, MAP_HDR_KEY_SIZE);
AT(map_header, value_size, MAP_HDR_VALUE_SIZE);
AT(map_header, max_entries, MAP_HDR_MAX_ENTRIES);
AT(map_header, flags, MAP_HDR_FLAGS);
AT(map_header, nslots, MAP_HDR_NSLOTS);
AT(map_header, value_stride, MAP_HDR_VALUE_STRIDE);
AT(map_header, stride, MAP_HDR_STRIDE);
AT(map_header, size, MAP_HDR_SIZE);
AT(map_header, data, MAP_HDR_DATA);
AT(map_header, buckets, MAP_HDR_BUCKETS);
AT(map_header, nodes, MAP_HDR_NODES);
AT(map_header, free, MAP_HDR_FREE);
AT(map_header, records, MAP_HDR_RECORDS);
AT(map_header, seed, MAP_HDR_SEED);
AT(map_header, bucket_mask, MAP_HDR_BUCKET_MASK);
AT(map_header, nnodes, MAP_HDR_NNODES);
AT(map_header, node_stride, MAP_HDR_NODE_STRIDE);
AT(map_header, value_at, MAP_HDR_VALUE_AT);
AT(map_header, control, MAP_HDR_CONTROL);
AT(map_header, frozen, MAP_HDR_FROZEN);

struct map_control {
	u64 misses, busy, clock, freed, leases;
	u8 pad[MAP_CTL_PUSHED - 40];
	u64 pushed;
	u8 pad1[MAP_CTL_POPPED - MAP_CTL_PUSHED - 8];
	u64 popped;
	u8 pad3[MAP_CTL_TABLE - MAP_CTL_POPPED - 8];
	u16 table[SESSION_NLEASES], owners[SESSION_NLEASES];
	u64 lengths[MAP_NLENGTHS / 64];
	u8 pad2[MAP_CTL_SIZE - MAP_CTL_LENGTHS - MAP_NLENGTHS / 8];
};
SIZE(map_control, MAP_CTL_SIZE);
AT(map_control, busy, MAP_CTL_BUSY);
AT(map_control, clock, MAP_CTL_CLOCK);
AT(map_control, freed, MAP_CTL_FREED);
AT(map_control, leases, MAP_CTL_LEASES);
AT(map_control, pushed, MAP_CTL_PUSHED);
AT(map_control, popped, MAP_CTL_POPPED);
AT(map_control, lengths, MAP_CTL_LENGTHS);
AT(map_control, table, MAP_CTL_TABLE);
AT(map_control, owners, MAP_CTL_OWNERS);

struct map_record {
	u64 spare, hand, victim, cursor, failures, seen;
	u32 bucket, turn;
	u64 theft;
};
AT(map_record, hand, MAP_REC_HAND);
AT(map_record, victim, MAP_REC_VICTIM);
AT(map_record, cursor, MAP_REC_CURSOR);
AT(map_record, failures, MAP_REC_FAILURES);
AT(map_record, seen, MAP_REC_SEEN);
AT(map_record, bucket, MAP_REC_BUCKET);
AT(map_record, turn, MAP_REC_TURN);
AT(map_record, theft, MAP_REC_THEFT);
SIZE(map_record, MAP_REC_SIZE);

/* A plan: offsets are bytes from its start; tables are 8-aligned. */
struct plan {
	u64 magic;
	u32 version, size;
	u32 flags, nunits;
	u32 units, nlinks;
	u32 links, nmaps;
	u32 maps, nwants;
	u32 wants, strings;
	u32 strings_size, pad;
};
SIZE(plan, PLAN_HDR_SIZE);

struct plan_unit {
	u8 build_id[32];
	u32 build_id_len, flags;
	u32 path, code, code_size, nrelocs, relocs, npatches, patches, nsemaphores;
	u64 load_base;        /* page-aligned vaddr of the first PT_LOAD */
	u64 text_lo, text_hi; /* vaddr range of the sites */
	u32 semaphores, noutposts;
	u32 outposts;
	u32 came; /* offset in the code of the list of programs behind an execve; 0: not here */
	u32 dispatch; /* and of the struct bpftime_call_site for calls of sites that are not rewritten */
	u32 pad;
};
AT(plan_unit, build_id_len, 32);
AT(plan_unit, path, 40);
AT(plan_unit, load_base, 72 + 0);
AT(plan_unit, semaphores, 96);
AT(plan_unit, outposts, 104);
AT(plan_unit, came, 108);
AT(plan_unit, dispatch, 112);
SIZE(plan_unit, PLAN_UNIT_SIZE);

struct plan_patch {
	u64 vaddr;
	u32 tactic, pad0;
	u32 stub;       /* offset in the unit's code that the jump goes to */
	u8 len, rel_at; /* bytes written; where the rel32 lies in them, or PATCH_NO_REL */
	u8 pad[2];
	u8 orig[16], text[16];
	u64 pad2;
};
AT(plan_patch, stub, 16);
AT(plan_patch, orig, 24);
AT(plan_patch, text, 40);
SIZE(plan_patch, PLAN_PATCH_SIZE);

struct plan_reloc {
	u32 at, what; /* where in the code; kind, and symbol << 8 */
	s64 addend;
};
SIZE(plan_reloc, PLAN_RELOC_SIZE);

struct plan_semaphore {
	u64 vaddr; /* of a u16 in the module's data */
};
SIZE(plan_semaphore, PLAN_SEMAPHORE_SIZE);

struct plan_outpost {
	u64 vaddr; /* where OUTPOST_SIZE bytes must stand that lead to the stub, all in one page */
	u32 stub, pad;
};
SIZE(plan_outpost, PLAN_OUTPOST_SIZE);

struct plan_link {
	u32 name, kind;
	u32 tactic;       /* bit set: how its sites are patched */
	u32 why, refused; /* sites refused, and the reason of the last one ("": none) */
	u32 calls;        /* sites of system calls, which share lists of runs */
};
SIZE(plan_link, PLAN_LINK_SIZE);

struct plan_map {
	u32 path, flags;
	u64 size, pad[2];
};
SIZE(plan_map, PLAN_MAP_SIZE);

struct plan_want {
	u32 path, pad[3];
};
SIZE(plan_want, PLAN_WANT_SIZE);

struct handoff {
	u64 magic;
	u32 mode, verdict, abort, level, plan_size, log_size, room;
	u8 pad[HANDOFF_SESSION - 36];
	char session[HANDOFF_RUNDIR - HANDOFF_SESSION], rundir[HANDOFF_EXE - HANDOFF_RUNDIR];
	char exe[HANDOFF_LOG - HANDOFF_EXE], log[HANDOFF_LOG_MAX];
	char modules[HANDOFF_MANIFEST - HANDOFF_MODULES], manifest[HANDOFF_MANIFEST_MAX];
	u8 plan[HANDOFF_PLAN_MAX]; /* and on, as far as there is room */
};
AT(handoff, mode, HANDOFF_MODE);
AT(handoff, verdict, HANDOFF_VERDICT);
AT(handoff, abort, HANDOFF_ABORT);
AT(handoff, level, HANDOFF_LEVEL);
AT(handoff, plan_size, HANDOFF_PLAN_SIZE);
AT(handoff, log_size, HANDOFF_LOG_SIZE);
AT(handoff, room, HANDOFF_ROOM);
AT(handoff, session, HANDOFF_SESSION);
AT(handoff, modules, HANDOFF_MODULES);
AT(handoff, manifest, HANDOFF_MANIFEST);
AT(handoff, plan, HANDOFF_PLAN);
SIZE(handoff, HANDOFF_SIZE);

#undef AT
#undef SIZE
#endif
