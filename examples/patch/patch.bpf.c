/* Arguments and results that are others than the program meant: nothing it makes is writable for all, and it believes to
 * have 64 processors. What a program writes to its context is what the traced program goes on with, and the second one
 * runs at both ends of a call, so that it knows at the return what was asked.
 *
 *	clang -target bpf -D__TARGET_ARCH_x86 -g -O2 -I/usr/include/x86_64-linux-gnu -c patch.bpf.c
 *	touch file
 *	bpftime run -o patch.bpf.o -- chmod 666 file
 *	stat -c 'mode %a' file
 *	bpftime run -o patch.bpf.o -- getconf _NPROCESSORS_ONLN
 *	bpftime run -o patch.bpf.o -- getconf PAGESIZE
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern bool bpf_session_is_return(void) __ksym;

SEC("uprobe/libc:fchmodat")
int on_fchmodat(struct pt_regs *ctx)
{
	PT_REGS_PARM3(ctx) &= ~02;
	return 0;
}

#define SC_NPROCESSORS_ONLN 84

/* 1 at the entry: the return is not wanted. */
SEC("uprobe.session/libc:sysconf")
int on_sysconf(struct pt_regs *ctx)
{
	if (!bpf_session_is_return())
		return PT_REGS_PARM1(ctx) != SC_NPROCESSORS_ONLN;
	PT_REGS_RC(ctx) = 64;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
