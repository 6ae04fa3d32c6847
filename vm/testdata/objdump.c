/* What clang makes of this is disassembled by llvm-objdump and by us. It wants
 * many instructions, not a meaning. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef short s16;
typedef int s32;
typedef long long s64;

static __attribute__((noinline)) u32 local(u32 a, u32 b)
{
	return a / b + b % 7u - (a >> 3) * (a ^ b);
}

u64 entry(u8 *m, u64 n)
{
	u64 s = 0x1122334455667788ull;
	for (u64 i = 0; i < n; i++) {
		s += m[i];
		s = s << 3 ^ s >> 5;
		if ((s32)s > 5)
			s -= *(s16 *)(m + 2);
		if (s & 0x40)
			s |= *(u16 *)(m + 6);
		if ((s64)s <= (s64)n)
			s = -s;
		if ((u32)s >= (u32)n)
			s = (u32)s % 1000u;
	}
	__sync_fetch_and_add((u64 *)m, s);
	__sync_fetch_and_add((u32 *)(m + 4), s);
#ifdef FETCH /* from -mcpu=v3 on */
	s += __sync_fetch_and_add((u32 *)(m + 4), s);
	s ^= __sync_lock_test_and_set((u64 *)(m + 8), 1);
	s += __sync_val_compare_and_swap((u32 *)(m + 8), 1, s);
	s += __sync_val_compare_and_swap((u64 *)(m + 8), n, s);
	s += __sync_fetch_and_or((u64 *)m, s);
	s += __sync_fetch_and_and((u32 *)m, s);
	s += __sync_fetch_and_xor((u64 *)m, s);
#endif
	*(u32 *)(m + 20) = s;
	*(u8 *)(m - 5) = 7;
	*(u16 *)(m + 7) = s >> 9;
	s = __builtin_bswap64(s) + __builtin_bswap16(s) + __builtin_bswap32(s);
	u64 x[4] = {s, n, s + n, s * n};
	s += ((u64(*)(u64 *))5)(x) + local(s, n);
	return s / n + ((s64)s >> 7) + s % n + x[2];
}
