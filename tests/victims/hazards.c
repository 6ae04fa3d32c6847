// hazards NAME N: calls one function of hazards.S, or of this file, N times and checks what it returns. Exits 98 when
// the function did something wrong.
#define _GNU_SOURCE
#include <complex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline, noclone))

long endbr(long), nop_first(long), red_zone(long), unsized(long), no_unwind_data(long), by_string(long), rip_load(long), rip_lea(long);
long rip_immediate(long), rip_jump(long), rip_call(long), call_first(long), get_pc(long), jump_first(long);
long jump_short(long), condition_first(long), jrcxz_first(long), branch_into(long), loop_to_entry(long);
long entered_behind(long), enters_behind(long), inner_symbol(long), only_ret(long), only_ret_packed(long);
long two_bytes(long), three_bytes(long), four_bytes(long), after_short(long), tail_call(long), two_returns(long);
long pushes(long), page_end(long), page_across(long);
long tail_with_stack(long), takes_stack(long), callee_pops(long), realigns(long), reads_return(void);
long call_with_stack(long x, long word, void *function), call_popping(long x, long word, void *function);
long call_zeroed(long x, void *function), call_returning(void *function);
void pass_registers(void), return_registers(void), sees_registers(void), sets_registers(void);
extern struct {
	uint64_t general[16];
	uint32_t vector[16][4];
} seen;

static void wrong(const char *what)
{
	printf("%s: wrong result\n", what);
	exit(98);
}

// Functions that gcc makes.

NOINLINE long variadic(int n, ...)
{
	va_list list;
	double sum = 0;
	va_start(list, n);
	for (int i = 0; i < n; i++)
		sum += i % 2 ? va_arg(list, double) : (double)va_arg(list, long);
	va_end(list);
	return (long)sum;
}

NOINLINE long many_arguments(long a, long b, long c, long d, long e, long f, long g, long h, double i, double j,
			     double k, double l, double m, double n, double o, double p, double q, long r)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h +
	       (long)(i + j + k + l + m + n + o + p + 10 * q) + 100 * r;
}

struct big {
	long word[9];
};
struct pair {
	long a, b;
};
struct mixed {
	double a;
	long b;
};

NOINLINE struct big returns_big(long x)
{
	struct big b;
	for (int i = 0; i < 9; i++)
		b.word[i] = x + i;
	return b;
}

NOINLINE long takes_big(struct big b, long x) { return b.word[0] + b.word[8] + x; }
NOINLINE struct pair returns_pair(long x) { return (struct pair){ x, x + 1 }; }
NOINLINE struct mixed returns_mixed(long x) { return (struct mixed){ x * 0.5, x }; }
NOINLINE long double returns_x87(long x) { return x + 0.25L; }
NOINLINE complex long double returns_x87_pair(long x) { return x + 0.25L + (x + 1) * 1.0iL; }
NOINLINE complex double returns_vectors(long x) { return x + 2.0i * x; }
NOINLINE __int128 returns_int128(long x) { return ((__int128)x << 64) + 1; }

NOINLINE long dense_switch(long x)
{
	switch (x & 15) {
	case 0: return strtol("7", 0, 10);
	case 1: return 11;
	case 2: abort();
	case 3: return 5;
	case 4: return 19;
	case 5: return strtol("23", 0, 10);
	case 6: return 1;
	case 7: return 2;
	case 9: return 77;
	default: return -1;
	}
}

// The empty instructions keep gcc from making a loop of one of the calls.
NOINLINE long recursive(long n)
{
	if (n < 2)
		return n;
	long a = recursive(n - 1);
	__asm__ volatile("" : "+r"(a));
	long b = recursive(n - 2);
	__asm__ volatile("" : "+r"(b));
	return a + b;
}

NOINLINE long big_frame(long x)
{
	volatile char frame[100000];
	memset((char *)frame, (int)x, sizeof frame);
	return frame[99999];
}

static long chosen_one(long x) { return x + 1; }
static long (*choose(void))(long) { return chosen_one; }
__attribute__((ifunc("choose"))) long chosen(long);

NOINLINE long original(long x)
{
	__asm__ volatile("" ::: "rbx");
	return x + 1;
}
extern __typeof(original) alias __attribute__((alias("original")));

static jmp_buf out;
NOINLINE __attribute__((noreturn)) void never_returns(int code)
{
	__asm__ volatile("" ::: "rbx", "memory");
	longjmp(out, code);
}

// The checks, in which i counts the rounds.

static int check_variadic(long i) { return variadic(10, i, 0.5, 2L, 0.5, 3L, 1.0, 4L, 2.0, 5L, 3.0) == i + 21; }
static int check_many(long i)
{
	return many_arguments(i, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1) == i + 35 + 18 + 100;
}
static int check_big(long i) { return returns_big(i).word[8] == i + 8; }
static int check_takes_big(long i) { return takes_big(returns_big(i), 2) == 2 * i + 10; }
static int check_pair(long i)
{
	struct pair p = returns_pair(i);
	return p.a == i && p.b == i + 1;
}
static int check_mixed(long i)
{
	struct mixed m = returns_mixed(i);
	return m.a == i * 0.5 && m.b == i;
}
static int check_x87(long i) { return returns_x87(i) == i + 0.25L; }
static int check_x87_pair(long i)
{
	complex long double z = returns_x87_pair(i);
	return creall(z) == i + 0.25L && cimagl(z) == i + 1;
}
static int check_vectors(long i) { return cimag(returns_vectors(i)) == 2.0 * i; }
static int check_int128(long i) { return returns_int128(i) == ((__int128)i << 64) + 1; }
static int check_switch(long i) { return dense_switch(i * 16 + 4) == 19 && dense_switch(i * 16 + 5) == 23; }
static int check_recursive(long i) { return recursive(10 + 0 * i) == 55; }
static int check_frame(long i) { return big_frame(i % 100) == i % 100; }
static int check_chosen(long i) { return chosen(i) == i + 1; }
static int check_alias(long i) { return alias(i) == i + 1 && original(i) == i + 1; }
static int check_never(long i)
{
	volatile int code = 1 + i % 100;
	int got = setjmp(out);
	if (!got)
		never_returns(code);
	return got == code;
}

static int check_pass(long i)
{
	(void)i;
	pass_registers();
	for (int r = 0; r < 16; r++)
		if (r != 7 && seen.general[r] != 0x101u + r)
			return 0;
	for (int r = 0; r < 16; r++)
		for (int k = 0; k < 4; k++)
			if (seen.vector[r][k] != 0x1111u * (r + 1))
				return 0;
	return 1;
}

static int check_return(long i)
{
	(void)i;
	return_registers();
	for (int r = 0; r < 16; r++)
		if (r != 7 && seen.general[r] != 0x20101u + r)
			return 0;
	for (int r = 0; r < 16; r++)
		for (int k = 0; k < 4; k++)
			if (seen.vector[r][k] != 0x1111u * (r + 1) + 0x20000u)
				return 0;
	return 1;
}

// Each adds one to its argument.
#define ADDS_ONE(name) \
	static int check_##name(long i) { return name(i & 1023) == (i & 1023) + 1; }
ADDS_ONE(endbr) ADDS_ONE(nop_first) ADDS_ONE(red_zone) ADDS_ONE(unsized) ADDS_ONE(no_unwind_data) ADDS_ONE(rip_load) ADDS_ONE(rip_lea)
ADDS_ONE(rip_immediate) ADDS_ONE(rip_jump) ADDS_ONE(rip_call) ADDS_ONE(call_first) ADDS_ONE(get_pc)
ADDS_ONE(jump_first) ADDS_ONE(jump_short) ADDS_ONE(condition_first) ADDS_ONE(branch_into) ADDS_ONE(inner_symbol)
ADDS_ONE(after_short) ADDS_ONE(tail_call) ADDS_ONE(two_returns) ADDS_ONE(pushes) ADDS_ONE(page_end)
ADDS_ONE(page_across)

static int check_by_string(long i) { return call_zeroed(i, by_string) == i + 1; }
static int check_jrcxz(long i) { return call_zeroed(i, jrcxz_first) == i + 1; }
static int check_loop(long i) { return call_zeroed(i & 7, loop_to_entry) == (i & 7) + 1; }
static int check_entered(long i) { return entered_behind(i) == i + 1 && enters_behind(i) == i + 2; }
static int check_only_ret(long i) { return call_zeroed(i, only_ret) == 0; }
static int check_packed(long i) { return call_zeroed(i, only_ret_packed) == 0; }
static int check_two(long i) { return two_bytes(i) == i; }
static int check_three(long i) { return three_bytes(i) == i; }
static int check_four(long i) { return four_bytes(i) == i; }
static int check_tail_stack(long i) { return call_with_stack(i, 5, tail_with_stack) == i + 5; }
static int check_takes_stack(long i) { return call_with_stack(i, 5, takes_stack) == i + 5; }
static int check_pops(long i) { return call_popping(i, 5, callee_pops) == i + 5; }
static int check_realigns(long i) { return call_with_stack(i, 5, realigns) == i + 5; }
static int check_reads(long i) { return call_returning(reads_return) + 0 * i; }

#define PLAIN(name) { #name, check_##name }

static const struct {
	const char *name;
	int (*check)(long i);
} hazards[] = {
	PLAIN(endbr), PLAIN(nop_first), PLAIN(red_zone), PLAIN(unsized), PLAIN(no_unwind_data), PLAIN(rip_load), PLAIN(rip_lea),
	PLAIN(rip_immediate), PLAIN(rip_jump), PLAIN(rip_call), PLAIN(call_first), PLAIN(get_pc), PLAIN(jump_first),
	PLAIN(jump_short), PLAIN(condition_first), PLAIN(branch_into), PLAIN(inner_symbol), PLAIN(after_short),
	PLAIN(tail_call), PLAIN(two_returns), PLAIN(pushes), PLAIN(page_end), PLAIN(page_across), PLAIN(by_string),
	PLAIN(variadic), PLAIN(only_ret), PLAIN(realigns),
	{ "jrcxz_first", check_jrcxz }, { "loop_to_entry", check_loop }, { "entered_behind", check_entered },
	{ "only_ret_packed", check_packed }, { "two_bytes", check_two }, { "three_bytes", check_three },
	{ "four_bytes", check_four }, { "tail_with_stack", check_tail_stack }, { "takes_stack", check_takes_stack },
	{ "callee_pops", check_pops }, { "reads_return", check_reads }, { "many_arguments", check_many },
	{ "returns_big", check_big }, { "takes_big", check_takes_big }, { "returns_pair", check_pair },
	{ "returns_mixed", check_mixed }, { "returns_x87", check_x87 }, { "returns_x87_pair", check_x87_pair },
	{ "returns_vectors", check_vectors }, { "returns_int128", check_int128 }, { "dense_switch", check_switch },
	{ "recursive", check_recursive }, { "big_frame", check_frame }, { "chosen", check_chosen },
	{ "alias", check_alias }, { "never_returns", check_never }, { "sees_registers", check_pass },
	{ "sets_registers", check_return },
};

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	for (size_t h = 0; h < sizeof hazards / sizeof *hazards; h++) {
		if (strcmp(argv[1], hazards[h].name))
			continue;
		for (long i = 0, n = atol(argv[2]); i < n; i++)
			if (!hazards[h].check(i))
				wrong(hazards[h].name);
		printf("%s: right\n", argv[1]);
		return 0;
	}
	return 2;
}
