/* The table of helpers that eBPF programs call, as code: see helpers.c. And what
 * they need to know, asked once, before the first patch. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "map.h"

#include <asm/stat.h>
#include <asm/unistd.h>

#define HELPER(id, name) \
	case id: \
		return (u64)bpftime_##name

u64 bpftime_bpf_helper(u32 id)
{
	switch (id) {
	HELPER(1, map_lookup_elem);
	HELPER(2, map_update_elem);
	HELPER(3, map_delete_elem);
	HELPER(4, probe_read);
	HELPER(5, ktime_get_ns);
	HELPER(6, trace_printk);
	HELPER(7, get_prandom_u32);
	HELPER(8, get_smp_processor_id);
	HELPER(12, tail_call);
	HELPER(14, get_current_pid_tgid);
	HELPER(15, get_current_uid_gid);
	HELPER(16, get_current_comm);
	HELPER(25, perf_event_output);
	HELPER(27, get_stackid);
	HELPER(28, csum_diff);
	HELPER(35, get_current_task);
	HELPER(36, probe_write_user);
	HELPER(45, probe_read_str);
	HELPER(58, override_return);
	HELPER(67, get_stack);
	HELPER(87, map_push_elem);
	HELPER(88, map_pop_elem);
	HELPER(89, map_peek_elem);
	HELPER(93, spin_lock);
	HELPER(94, spin_unlock);
	HELPER(105, strtol);
	HELPER(106, strtoul);
	HELPER(109, send_signal);
	HELPER(112, probe_read); /* _user: the process is one address space, */
	HELPER(113, probe_read); /* _kernel: and there is no other */
	HELPER(114, probe_read_str);
	HELPER(115, probe_read_str);
	HELPER(117, send_signal_thread);
	HELPER(118, jiffies64);
	HELPER(120, get_ns_current_pid_tgid);
	HELPER(125, ktime_get_boot_ns);
	HELPER(130, ringbuf_output);
	HELPER(131, ringbuf_reserve);
	HELPER(132, ringbuf_submit);
	HELPER(133, ringbuf_discard);
	HELPER(134, ringbuf_query);
	HELPER(148, probe_read); /* copy_from_user: nothing here sleeps, and a page that is not there is fetched */
	HELPER(156, task_storage_get);
	HELPER(157, task_storage_delete);
	HELPER(158, get_current_task);
	HELPER(160, ktime_get_coarse_ns);
	HELPER(164, for_each_map_elem);
	HELPER(165, snprintf);
	HELPER(173, get_func_ip);
	HELPER(174, get_attach_cookie);
	HELPER(177, trace_vprintk);
	HELPER(181, loop);
	HELPER(182, strncmp);
	HELPER(183, get_func_arg);
	HELPER(184, get_func_ret);
	HELPER(185, get_func_arg_cnt);
	HELPER(195, map_lookup_percpu_elem);
	HELPER(197, dynptr_from_mem);
	HELPER(198, ringbuf_reserve_dynptr);
	HELPER(199, ringbuf_submit_dynptr);
	HELPER(200, ringbuf_discard_dynptr);
	HELPER(201, dynptr_read);
	HELPER(202, dynptr_write);
	HELPER(203, dynptr_data);
	HELPER(208, ktime_get_tai_ns);
	HELPER(209, user_ringbuf_drain);
	HELPER(KFUNC_SESSION_IS_RETURN, session_is_return);
	HELPER(KFUNC_SESSION_COOKIE, session_cookie);
	HELPER(KFUNC_ARENA_ALLOC_PAGES, arena_alloc_pages);
	HELPER(KFUNC_ARENA_FREE_PAGES, arena_free_pages);
	HELPER(KFUNC_ARENA_RESERVE_PAGES, arena_reserve_pages);
	}
	return 0;
}

HOT long bpftime_syscall(long nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = 0;
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return r;
}

/* Whoever refuses one of these calls takes away what it is for, nothing else. */
void bpftime_bpf_ready(void)
{
	struct bpftime_resident *r = &bpftime_resident;
	struct stat st;
	u64 tick[2];
	int tsc = 0;

	bpftime_private.pid = (u32)bpftime_syscall(__NR_getpid, 0, 0, 0, 0, 0);
	if (bpftime_syscall(__NR_getrandom, (u64)&r->seed, sizeof r->seed, 1 /* GRND_NONBLOCK */, 0, 0) != sizeof r->seed)
		r->seed = (u64)&st;
	if (!failed(bpftime_syscall(__NR_prctl, 25 /* PR_GET_TSC */, (u64)&tsc, 0, 0, 0)))
		r->no_tsc = tsc == 2 /* PR_TSC_SIGSEGV */;
	r->tick = 4000000;
	if (!failed(bpftime_syscall(__NR_clock_getres, 6 /* CLOCK_MONOTONIC_COARSE */, (u64)tick, 0, 0, 0)) && !tick[0] && tick[1])
		r->tick = (u32)tick[1];
	if (!failed(bpftime_syscall(__NR_newfstatat, (u64)-100 /* AT_FDCWD */, (u64)"/proc/self/ns/pid", (u64)&st, 0, 0))) {
		r->pidns_dev = st.st_dev;
		r->pidns_ino = st.st_ino;
	}
}
