/* Numbers that a program reads from text, as __bpf_strtoull of kernel/bpf/helpers.c and
 * lib/kstrtox.c read them; and the sum of the internet's headers. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "bpf.h"

#define DIGITS 63 /* no more characters are looked at, from the first digit on */
#define BASE_MASK 31u /* BPF_STRTOX_BASE_MASK */

struct text {
	const u8 *at, *end;
};

static inline int is_space(u8 c) { return (c >= 9 && c <= 13) || c == ' ' || c == 0xa0; }

/* The value of the next character as a digit; 255: it is none. */
static inline u32 digit(const struct text *t, u32 ahead)
{
	u8 c = t->at + ahead < t->end ? t->at[ahead] : 0, low = c | 0x20;

	if (c >= '0' && c <= '9')
		return c - '0';
	return low >= 'a' && low <= 'f' ? low - 'a' + 10u : 255;
}

/* "0x" in front of a digit; a base that is not given is told from it. */
static inline u64 take_prefix(struct text *t, u64 base)
{
	int hex = !digit(t, 0) && t->at + 1 < t->end && (t->at[1] | 0x20) == 'x';

	if (!base)
		base = digit(t, 0) ? 10 : hex && digit(t, 2) < 16 ? 16 : 8;
	if (base == 16 && hex)
		t->at += 2;
	return base;
}

/* 0 or -errno. */
static inline long take_digits(struct text *t, u64 base, u64 *value)
{
	u64 v = 0, n = 0;
	int over = 0;

	for (; digit(t, 0) < base; t->at++, n++) {
		over |= v > (~0ul - digit(t, 0)) / base;
		v = v * base + digit(t, 0);
	}
	*value = v;
	return over ? -ERANGE_ : n ? 0 : -EINVAL_;
}

/* How many characters were read, or -errno. */
static HOT long parse(u64 buf, u64 size, u64 flags, u64 *value, int *negative)
{
	struct text t = {(const u8 *)buf, (const u8 *)buf + (u32)size};
	u64 base = flags & BASE_MASK;
	long r;

	if ((u32)size == 0 || flags & ~(u64)BASE_MASK || (base != 0 && base != 8 && base != 10 && base != 16))
		return -EINVAL_;
	while (t.at < t.end && is_space(*t.at))
		t.at++;
	*negative = t.at < t.end && *t.at == '-';
	t.at += *negative;
	if (t.end > t.at + DIGITS)
		t.end = t.at + DIGITS;
	r = take_digits(&t, take_prefix(&t, base), value);
	return r ? r : (long)(t.at - (const u8 *)buf);
}

/* long bpf_strtol(const char *buf, size_t buf_len, u64 flags, s64 *res) */
HOT u64 bpftime_strtol(u64 buf, u64 size, u64 flags, u64 to)
{
	u64 v = 0;
	int negative = 0;
	long r = parse(buf, size, flags, &v, &negative);

	*(u64 *)to = 0;
	if (r >= 0 && v > (1ul << 63) - !negative)
		r = -ERANGE_;
	if (r >= 0)
		*(u64 *)to = negative ? -v : v;
	return (u64)r;
}

/* long bpf_strtoul(const char *buf, size_t buf_len, u64 flags, u64 *res) */
HOT u64 bpftime_strtoul(u64 buf, u64 size, u64 flags, u64 to)
{
	u64 v = 0;
	int negative = 0;
	long r = parse(buf, size, flags, &v, &negative);

	if (r >= 0 && negative)
		r = -EINVAL_;
	*(u64 *)to = r >= 0 ? v : 0;
	return (u64)r;
}

/* ---- checksums ---- */

static inline u32 fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (u32)((sum & 0xffffffff) + (sum >> 32));
}

/* csum_partial: the one's complement sum of 32-bit words. */
static HOT u32 sum_of(u64 from, u64 n, u64 sum)
{
	const u8 *at = (const u8 *)from;
	u32 last = 0;

	for (; n >= 4; n -= 4, at += 4)
		sum += *(const u32 *)at;
	for (u64 i = 0; i < n; i++)
		last |= (u32)at[i] << 8 * i;
	return fold(sum + last);
}

/* s64 bpf_csum_diff(__be32 *from, u32 from_size, __be32 *to, u32 to_size, __wsum seed): folded to 16 bits, as
 * on all machines since Linux 6.13 */
HOT u64 bpftime_csum_diff(u64 from, u64 from_size, u64 to, u64 to_size, u64 seed)
{
	u32 sum = (u32)seed;

	if ((u32)to_size)
		sum = sum_of(to, (u32)to_size, sum);
	if ((u32)from_size && (u32)to_size)
		sum = fold((u64)sum + (u32)~sum_of(from, (u32)from_size, 0));
	else if ((u32)from_size)
		sum = ~sum_of(from, (u32)from_size, ~sum);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}
