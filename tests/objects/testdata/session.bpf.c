/* Sessions: one program at the entry and at the return of a call. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern bool bpf_session_is_return(void) __ksym;
extern __u64 *bpf_session_cookie(void) __ksym;

char LICENSE[] SEC("license") = "GPL";

__u64 entries, returns, skipped, fresh, kept, sums, cookies, others;

/* Of every third call the return is not wanted. */
SEC("?uprobe.session/TARGET:add")
int on_add(struct pt_regs *ctx)
{
	__u64 *cookie = bpf_session_cookie();

	if (bpf_session_is_return()) {
		__sync_fetch_and_add(&returns, 1);
		__sync_fetch_and_add(&kept, *cookie == PT_REGS_RC(ctx));
		__sync_fetch_and_add(&sums, PT_REGS_RC(ctx));
		__sync_fetch_and_add(&cookies, bpf_get_attach_cookie(ctx));
		return 0;
	}
	__sync_fetch_and_add(&entries, 1);
	__sync_fetch_and_add(&fresh, *cookie == 0);
	*cookie = PT_REGS_PARM1(ctx) + PT_REGS_PARM2(ctx);
	if (PT_REGS_PARM1(ctx) % 3)
		return 0;
	__sync_fetch_and_add(&skipped, 1);
	return 1;
}

/* Another session of the same call, with a cookie of its own, that wants every return. */
SEC("?uprobe.session/TARGET:add")
int also(struct pt_regs *ctx)
{
	__u64 *cookie = bpf_session_cookie();

	if (!bpf_session_is_return())
		*cookie = 7;
	else
		__sync_fetch_and_add(&others, *cookie);
	return 0;
}

/* What has no session has no words of one. */
SEC("?uprobe/TARGET:add")
int none(struct pt_regs *ctx)
{
	return bpf_session_is_return();
}
