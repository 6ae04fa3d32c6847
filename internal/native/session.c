/* What thunks_session.S leaves to C, and what programs ask about their sessions. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "bpf.h"

#define word(frame, at) (*(volatile u64 *)((frame) + (at)))

/* A program has written ip. 0: it leads to code of the stub that returns for the function
 * (bpf_override_return), where a session's words are in place; 1: elsewhere, without. */
HOT u64 bpftime_session_entered(u64 frame)
{
	struct bpftime_run *runs = *(struct bpftime_run **)(word(frame, FRAME_SITE) + OFFSET_RUNS);
	u64 ip = word(frame, FRAME_REGS + PT_RIP);

	for (; runs->fn; runs++)
		if (runs->skip == ip) {
			word(frame, FRAME_SITE) = ip;
			return 0;
		}
	return 1;
}

/* The kfuncs. What calls them runs in a session: attach sees to it. */

HOT u64 bpftime_session_is_return(BPF_ARGS) { return word(ctx - FRAME_REGS, FRAME_SESSION + SESSION_STATE) >> SESSION_RETURNS; }

HOT u64 bpftime_session_cookie(BPF_ARGS)
{
	return ctx - FRAME_REGS + FRAME_SESSION + SESSION_COOKIES + 8 * run_of(ctx)->session;
}
