/* Strings of a program. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "bpf.h"

/* long bpf_strncmp(const char *s1, u32 s1_sz, const char *s2): -1, 0 or 1 */
HOT u64 bpftime_strncmp(u64 s1, u64 size, u64 s2)
{
	const u8 *a = (const u8 *)s1, *b = (const u8 *)s2;

	for (u64 n = (u32)size; n; n--, a++, b++) {
		if (*a != *b)
			return *a < *b ? (u64)-1 : 1;
		if (!*a)
			break;
	}
	return 0;
}
