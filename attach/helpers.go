package attach

import "slices"

// helpers are the numbers of the helpers that a traced process has: those for which
// bpftime_bpf_helper (internal/native/bpf.c) returns an address.
var helpers = []int32{
	1, 2, 3, // map_lookup_elem, map_update_elem, map_delete_elem
	4, 45, 112, 113, 114, 115, // probe_read, _str, _user, _kernel, _user_str, _kernel_str
	36, 148, // probe_write_user, copy_from_user
	5, 125, 160, 208, // ktime_get_ns, _boot_ns, _coarse_ns, _tai_ns
	6, 177, // trace_printk, trace_vprintk
	7, 8, // get_prandom_u32, get_smp_processor_id
	12,       // tail_call
	164, 181, // for_each_map_elem, loop
	195,        // map_lookup_percpu_elem
	87, 88, 89, // map_push_elem, map_pop_elem, map_peek_elem
	14, 15, 16, 120, // get_current_pid_tgid, _uid_gid, _comm, get_ns_current_pid_tgid
	25,     // perf_event_output
	27, 67, // get_stackid, get_stack
	58,     // override_return
	93, 94, // spin_lock, spin_unlock
	28, 105, 106, // csum_diff, strtol, strtoul
	35, 158, 109, 117, // get_current_task, _btf, send_signal, send_signal_thread
	156, 157, // task_storage_get, task_storage_delete
	118, 183, 184, 185, // jiffies64, get_func_arg, get_func_ret, get_func_arg_cnt
	209,                               // user_ringbuf_drain
	197, 198, 199, 200, 201, 202, 203, // dynptr_from_mem, ringbuf_reserve_, submit_, discard_dynptr, dynptr_read, _write, _data
	130, 131, 132, 133, 134, // ringbuf_output, reserve, submit, discard, query
	165, 182, // snprintf, strncmp
	173, 174, // get_func_ip, get_attach_cookie
	240, 241, // kfuncs: session_is_return, session_cookie
	242, 243, 244, // arena_alloc_pages, arena_free_pages, arena_reserve_pages
}

func offered(id int32) bool { return slices.Contains(helpers, id) }

// takesContext: all of them do; see BPF_ARGS in internal/native/bpf.h.
func takesContext(int32) bool { return true }
