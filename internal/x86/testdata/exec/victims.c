/*
 * Functions as compilers write them, at several levels of optimisation, and
 * the table of all victims. Small tasks that call each other: the results
 * depend on everything the moved instructions do.
 */
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include "victim.h"

#define PART static __attribute__((noinline))

static uint32_t crc_table[256];
static int sorted_calls;

PART void fill_crc_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320 ^ (c >> 1) : c >> 1;
		crc_table[i] = c;
	}
}

PART uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t c = ~0u;

	if (!crc_table[1])
		fill_crc_table();
	while (n--)
		c = crc_table[(c ^ *p++) & 0xff] ^ (c >> 8);
	return ~c;
}

PART void fill(int *v, int n, uint32_t seed)
{
	for (int i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		v[i] = (int)(seed >> 8) % 1000;
	}
}

PART int by_value(const int *a, const int *b)
{
	return (*a > *b) - (*a < *b);
}

PART int by_value_down(const int *a, const int *b)
{
	return by_value(b, a);
}

PART void swap(int *a, int *b)
{
	int t = *a;

	*a = *b;
	*b = t;
}

PART void sort(int *v, int n, int (*order)(const int *, const int *))
{
	int last = 0;

	sorted_calls++;
	if (n < 2)
		return;
	for (int i = 1; i < n; i++)
		if (order(&v[i], &v[0]) < 0)
			swap(&v[++last], &v[i]);
	swap(&v[0], &v[last]);
	sort(v, last, order);
	sort(v + last + 1, n - last - 1, order);
}

static uint64_t victim_sort(uint64_t a, uint64_t b)
{
	int v[40];

	fill(v, 40, (uint32_t)(a * 31 + b));
	sort(v, 40, a & 1 ? by_value : by_value_down);
	return crc32((uint8_t *)v, sizeof(v));
}

PART uint64_t fib(uint64_t n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t victim_fib(uint64_t a, uint64_t b)
{
	return fib(a) * 1000 + fib(b);
}

PART uint64_t ackermann(uint64_t m, uint64_t n)
{
	if (!m)
		return n + 1;
	return ackermann(m - 1, n ? ackermann(m, n - 1) : 1);
}

static uint64_t victim_ackermann(uint64_t a, uint64_t b)
{
	return ackermann(a & 1, b);
}

PART int is_even(unsigned n);

PART int is_odd(unsigned n)
{
	return n ? is_even(n - 1) : 0;
}

PART int is_even(unsigned n)
{
	return n ? is_odd(n - 1) : 1;
}

static uint64_t victim_mutual(uint64_t a, uint64_t b)
{
	return is_even((unsigned)a) * 2 + is_odd((unsigned)b);
}

PART uint64_t by_switch(uint64_t op, uint64_t x)
{
	switch (op) {
	case 0: return x + 1;
	case 1: return x * 3;
	case 2: return x << 5;
	case 3: return ~x;
	case 4: return x / 3;
	case 5: return x % 7;
	case 6: return by_switch(2, x) ^ 0x55;
	case 7: return (uint64_t)-(int64_t)x;
	default: return op;
	}
}

static uint64_t victim_switch(uint64_t a, uint64_t b)
{
	return by_switch(a, b);
}

PART uint64_t sum(int n, ...)
{
	va_list ap;
	uint64_t s = 0;

	va_start(ap, n);
	while (n--)
		s = s * 10 + va_arg(ap, uint64_t);
	va_end(ap);
	return s;
}

static uint64_t victim_varargs(uint64_t a, uint64_t b)
{
	return sum(8, a, b, a, b, a, b, a, b);
}

PART double root(double x)
{
	double r = x + 1;

	for (int i = 0; i < 20; i++)
		r = (r + x / r) / 2;
	return r;
}

static uint64_t victim_double(uint64_t a, uint64_t b)
{
	double r = root((double)a) + root((double)b) * 1.5;
	uint64_t bits;

	memcpy(&bits, &r, sizeof(bits));
	return bits;
}

struct matrix { long m[3][3]; };

PART struct matrix times(struct matrix x, struct matrix y)
{
	struct matrix z = { 0 };

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			for (int k = 0; k < 3; k++)
				z.m[i][j] += x.m[i][k] * y.m[k][j];
	return z;
}

static uint64_t victim_struct(uint64_t a, uint64_t b)
{
	struct matrix x = { { { (long)a, 2, 3 }, { 4, (long)b, 6 }, { 7, 8, 9 } } };

	x = times(times(x, x), x);
	return crc32((uint8_t *)&x, sizeof(x));
}

PART char *decimal(char *end, uint64_t n)
{
	*--end = 0;
	do
		*--end = (char)('0' + n % 10);
	while (n /= 10);
	return end;
}

PART size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static uint64_t victim_string(uint64_t a, uint64_t b)
{
	char text[24];
	const char *s = decimal(text + sizeof(text), a * a * a * 1000003 + b);

	return crc32((const uint8_t *)s, length(s));
}

PART int *lowest(int *v, int n)
{
	int *low = v;

	for (int i = 1; i < n; i++)
		if (v[i] < *low)
			low = &v[i];
	return low;
}

static uint64_t victim_pointer(uint64_t a, uint64_t b)
{
	int v[17];

	fill(v, 17, (uint32_t)(a ^ b << 8));
	return (uint64_t)(lowest(v, 17) - v);
}

PART int bits(uint64_t x)
{
	int n = 0;

	for (; x; x &= x - 1)
		n++;
	return n;
}

static uint64_t victim_bits(uint64_t a, uint64_t b)
{
	return (uint64_t)bits(a * 0x9e3779b97f4a7c15 + b);
}

static uint64_t victim_global(uint64_t a, uint64_t b)
{
	int v[9];

	sorted_calls = 0;
	fill(v, 9, (uint32_t)(a + b));
	sort(v, 9, by_value);
	return (uint64_t)sorted_calls;
}

victim v_rip_vex, v_rip_vex_imm8, v_rip_evex, v_xbegin;

/* What not every processor has is moved everywhere, and run where it is there. */
static uint64_t victim_vex(uint64_t a, uint64_t b)
{
	return __builtin_cpu_supports("avx2") ? v_rip_vex(a, b) ^ v_rip_vex_imm8(a, b) : 0;
}

static uint64_t victim_evex(uint64_t a, uint64_t b)
{
	return __builtin_cpu_supports("avx512f") ? v_rip_evex(a, b) : 0;
}

/* A transaction may also abort for reasons of its own; ours is in bits 31 to 24. */
static uint64_t victim_xbegin(uint64_t a, uint64_t b)
{
	for (int i = 0; i < 1000 && __builtin_cpu_supports("rtm"); i++)
		if ((uint32_t)v_xbegin(a, b) >> 24 == 0x42)
			return 0x42;
	return __builtin_cpu_supports("rtm") ? 0 : 0x42;
}

/* The hazards that hazards.S has. */
#define HAZARDS(X) \
	X(rip_load) X(rip_store) X(rip_cmp_imm8) X(rip_sse) X(rip_lea_table) \
	X(endbr64) X(conditions) X(loop) X(loope) X(loopne) X(jrcxz) X(jecxz) \
	X(inner_backward) X(inner_forward) X(inner_loop) X(call) \
	X(call_after_sub) X(call_rip) X(call_next) X(call_reg) X(call_r12) \
	X(call_rsp_disp8) X(call_rsp_grows) X(call_rsp_index) \
	X(call_keeps_flags) X(recursive) X(tail_jump) X(tail_jump_rip) X(red_zone) \
	X(near_conditions) X(jmp_near) X(jmp_bnd) X(jmp_short_backward) X(jmp_notrack)

#define COMPILED(X) \
	X(sort) X(fib) X(ackermann) X(mutual) X(switch) X(varargs) X(double) \
	X(struct) X(string) X(pointer) X(bits) X(global) X(vex) X(evex) X(xbegin)

#define DECLARE(name) victim victim_##name;
#define ROW(name) { #name, victim_##name },

HAZARDS(DECLARE)

const struct named_victim victims[] = {
	HAZARDS(ROW)
	COMPILED(ROW)
	{ NULL, NULL },
};
