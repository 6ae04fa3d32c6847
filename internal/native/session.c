/* Runs the lists of a function that has session programs: see thunks_session.S. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "bpf.h"

#define RETURNS (1ul << SESSION_RETURNS)
#define EVERY ((2ul << SESSION_MAX) - 1)
#define FLAGS_DEAD 0x202ul
#define word(frame, at) (*(volatile u64 *)((frame) + (at)))
#define state(frame) word(frame, FRAME_SESSION + SESSION_STATE)
#define reg(frame, r) word(frame, FRAME_REGS + (r))

/* A session program that did not run at the entry, because nothing could, does not run on
 * return either: so all begin as those that do not want it. */
static inline void begin(u64 frame)
{
	state(frame) = EVERY;
	for (u64 n = 1; n <= SESSION_MAX; n++)
		word(frame, FRAME_SESSION + SESSION_COOKIES + 8 * n) = 0;
}

/* The list of an entry, all else prepared. */
HOT struct bpftime_run *bpftime_session_enter(u64 frame)
{
	struct bpftime_run *runs = *(struct bpftime_run **)(word(frame, FRAME_SITE) + OFFSET_RUNS);

	begin(frame);
	reg(frame, PT_RIP) = runs->ip;
	return runs;
}

/* The list has been run. Where the host goes when ip is not what it was: to code of the
 * stub that returns for the function (bpf_override_return) with these words in place,
 * anywhere else without. */
HOT u64 bpftime_session_entered(u64 frame)
{
	struct bpftime_run *runs = *(struct bpftime_run **)(word(frame, FRAME_SITE) + OFFSET_RUNS);
	u64 ip = reg(frame, PT_RIP);

	if (ip == runs->ip)
		return 0;
	for (; runs->fn; runs++)
		if (runs->skip == ip) {
			word(frame, FRAME_SITE) = ip;
			return 0;
		}
	return 1;
}

#define RA (FRAME_SESSION + SESSION_WORDS)

/* The same of a return. */
HOT struct bpftime_run *bpftime_session_return(u64 frame)
{
	state(frame) |= RETURNS;
	reg(frame, PT_RIP) = word(frame, RA);
	return *(struct bpftime_run **)(word(frame, FRAME_SITE) + BODY_RUNS);
}

HOT u64 bpftime_session_returned(u64 frame)
{
	if (reg(frame, PT_RSP) != frame + RA + 8 || reg(frame, PT_EFLAGS) != FLAGS_DEAD)
		return 1;
	word(frame, RA) = reg(frame, PT_RIP);
	return 0;
}

/* The kfuncs. What calls them runs in a session: attach sees to it. */

HOT u64 bpftime_session_is_return(BPF_ARGS) { return state(ctx - FRAME_REGS) >> SESSION_RETURNS; }

HOT u64 bpftime_session_cookie(BPF_ARGS)
{
	return ctx - FRAME_REGS + FRAME_SESSION + SESSION_COOKIES + 8 * run_of(ctx)->session;
}
