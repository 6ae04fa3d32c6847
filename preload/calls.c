/* Does a module that has just come make system calls? To ask a compiler takes some ten
 * milliseconds, and most modules make none. */
#include "agent.h"

enum { BEFORE = 32, BEHIND = 16, NUMBERS = 1024 };

static u32 load32(const u8 *at) { return at[0] | (u32)at[1] << 8 | (u32)at[2] << 16 | (u32)at[3] << 24; }

/* mov $nr,%eax or mov $nr,%rax; cmp $-4095 or $-4096,%rax: few constants look like both a
 * syscall and one of these. */
static int is_number(const u8 *at) { return (at[0] == 0xb8 && load32(at + 1) < NUMBERS) || (at[0] == 0xc0 && load32(at + 1) < NUMBERS); }
static int is_check(const u8 *at) { return at[0] == 0x48 && at[1] == 0x3d && (load32(at + 2) | 1) == 0xfffff001; }

/* Does the syscall at `at` have one of them near it, in [lo, hi)? */
static int is_call(const u8 *at, const u8 *lo, const u8 *hi)
{
	const u8 *from = at - lo > BEFORE ? at - BEFORE : lo, *to = hi - at > BEHIND ? at + BEHIND : hi;

	for (const u8 *p = from; p + 5 <= at; p++)
		if (is_number(p))
			return 1;
	for (const u8 *p = at + 2; p + 6 <= to; p++)
		if (is_check(p))
			return 1;
	return 0;
}

int makes_calls(const struct module *m)
{
	static struct texts texts;

	texts_of(m, &texts);
	for (u32 i = 0; i < texts.n; i++) {
		const u8 *lo = (const u8 *)texts.at[i].lo, *hi = (const u8 *)texts.at[i].hi;

		for (const u8 *p = lo; p + 2 <= hi; p++)
			if (p[0] == 0x0f && p[1] == 0x05 && is_call(p, lo, hi))
				return 1;
	}
	return 0;
}
