/* What programs at tracepoints of system calls are given: struct trace_event_raw_sys_enter
 * and _exit of the kernel, whose common fields no program may read. */
struct sys_enter {
	__u64 common;
	long id;
	unsigned long args[6];
};

struct sys_exit {
	__u64 common;
	long id;
	long ret;
};
