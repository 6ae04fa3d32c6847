/* A program with markers (sys/sdt.h) of every kind: what each marker is given is also
 * printed, with the number that the test gives it as cookie, as bpf_usdt_arg shows it.
 * It is C and C++, and with -DLIBRARY the part that a plugin has. */
#ifdef __cplusplus
#define C_LINKAGE(declaration) extern "C" { declaration; }
#else
#define C_LINKAGE(declaration) declaration;
#endif
#ifdef SEMAPHORES
#define _SDT_HAS_SEMAPHORES 1
#define SEMAPHORE(n) C_LINKAGE(__extension__ unsigned short shop_##n##_semaphore __attribute__((section(".probes"), visibility("hidden"))))
#define ENABLED(n) (*(volatile unsigned short *)&shop_##n##_semaphore)
#else
#define SEMAPHORE(n)
#define ENABLED(n) 1
#endif
#include <sys/sdt.h>

SEMAPHORE(none)
SEMAPHORE(widths)
SEMAPHORE(unsigned_widths)
SEMAPHORE(constants)
SEMAPHORE(memory)
SEMAPHORE(many)
SEMAPHORE(inlined)
SEMAPHORE(tick)
SEMAPHORE(guarded)
SEMAPHORE(floats)
SEMAPHORE(starts)

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP __attribute__((noinline, noclone, used))
#ifdef __clang__
#undef KEEP
#define KEEP __attribute__((noinline, used))
#endif

static void say(int marker, int n, ...)
{
	va_list args;

	printf("%d", marker);
	va_start(args, n);
	while (n--)
		printf(" %lld", va_arg(args, long long));
	va_end(args);
	putchar('\n');
}
#define V(x) ((long long)(x))

struct item {
	char c;
	unsigned char uc;
	short s;
	unsigned short us;
	int i;
	unsigned u;
	long l;
	unsigned long ul;
};

long exported = -77;
static int counter = -5;
static unsigned short table[8] = {1, 2, 65535, 4, 5, 6, 7, 8};

KEEP static void widths(const struct item *p, void *at)
{
	signed char c = p->c;
	short s = p->s;
	int i = p->i;
	long l = p->l;

	STAP_PROBE5(shop, widths, c, s, i, l, at);
	say(1, 5, V(c), V(s), V(i), V(l), V((intptr_t)at));
}

KEEP static void unsigned_widths(const struct item *p)
{
	unsigned char uc = p->uc;
	unsigned short us = p->us;
	unsigned u = p->u;
	unsigned long ul = p->ul;

	STAP_PROBE4(shop, unsigned_widths, uc, us, u, ul);
	say(2, 4, V(uc), V(us), V(u), V(ul));
}

KEEP static void constants(void)
{
	STAP_PROBE6(shop, constants, 7, -9, (signed char)-3, (unsigned char)200, 0x7fffffffffffffffL, (unsigned)-1);
	say(3, 6, V(7), V(-9), V(-3), V(200), V(0x7fffffffffffffffL), V((unsigned)-1));
}

KEEP static void memory(struct item *p, long n, unsigned short *words, int *ints, long *longs)
{
	STAP_PROBE8(shop, memory, p->s, p->u, words[n], ints[n], longs[n], counter, exported, table[n & 7]);
	say(4, 8, V(p->s), V(p->u), V(words[n]), V(ints[n]), V(longs[n]), V(counter), V(exported), V(table[n & 7]));
	counter++;
}

KEEP static void many(long a, long b, int c, int d, short e, short f, signed char g, unsigned char h, unsigned i, long j)
{
	STAP_PROBE12(shop, many, a, b, c, d, e, f, g, h, i, j, 11, &exported);
	say(5, 12, V(a), V(b), V(c), V(d), V(e), V(f), V(g), V(h), V(i), V(j), V(11), V((intptr_t)&exported));
}

static inline __attribute__((always_inline)) void inlined(long n)
{
	STAP_PROBE2(shop, inlined, n, n * 3);
	say(6, 2, V(n), V(n * 3));
}

KEEP static void first(int n) { inlined(n); }
KEEP static void second(char **p) { inlined((long)strlen(*p)); }
KEEP static void third(long a, long b)
{
	for (long i = a; i < b; i++)
		inlined(i * 7);
}

KEEP static void floats(double x, long n)
{
	STAP_PROBE3(shop, floats, n, x, n + 1);
	say(7, 3, V(n), V(0), V(n + 1)); /* the test knows that the second cannot be read */
}

/* Only for who listens, as big arguments are. */
KEEP static void guarded(long n)
{
	if (ENABLED(guarded)) {
		STAP_PROBE1(shop, guarded, n);
		say(8, 1, V(n));
	}
}

/* The marker is the first instruction where the compiler is good. */
KEEP static void starts(void)
{
	STAP_PROBE2(shop, starts, counter, 9);
	say(9, 2, V(counter), V(9));
}

KEEP static void ticks(long n)
{
	for (long i = 0; i < n; i++)
		STAP_PROBE1(shop, tick, i);
}

static void all(char **argv)
{
	static unsigned short words[] = {9, 8, 65000, 6};
	static int ints[] = {1, -1, 2147483647, -2147483647 - 1};
	static long longs[] = {1L << 62, -1, -(1L << 62), 5};
	struct item items[] = {
		{1, 2, 3, 4, 5, 6, 7, 8},
		{-1, 255, -1, 65535, -1, 4294967295u, -1, (unsigned long)-1},
		{-128, 128, -32768, 32768, -2147483647 - 1, 2147483648u, -9223372036854775807L - 1, 1ul << 63},
	};

	STAP_PROBE(shop, none);
	say(0, 0);
	for (unsigned i = 0; i < sizeof items / sizeof *items; i++) {
		widths(&items[i], argv);
		unsigned_widths(&items[i]);
		memory(&items[i], i + 1, words, ints, longs);
	}
	constants();
	many(1, -2, 3, -4, 5, -6, 7, 250, 4000000000u, -10);
	first(5);
	second(argv);
	third(-2, 2);
	floats(1.5, 40);
	guarded(-1);
	starts();
}

#ifdef LIBRARY

C_LINKAGE(void plugin(char **argv))
C_LINKAGE(void plugin_ticks(long n))
void plugin(char **argv) { all(argv); }
void plugin_ticks(long n) { ticks(n); }

#else

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* A leaf with everything alive around its marker: the red zone, the flags, every
 * register. The sum of what it finds afterwards is what it was, or it is not. */
#define NOTE(pc, args) MARKER(pc, "leaf", args)
#define MARKER(pc, name, args) \
	".pushsection .note.stapsdt,\"?\",\"note\"\n.balign 4\n.4byte 992f-991f, 994f-993f, 3\n991: .asciz \"stapsdt\"\n992: .balign 4\n" \
	"993: .8byte " pc ", 0, 0\n.asciz \"shop\"\n.asciz \"" name "\"\n.asciz \"" args "\"\n994: .balign 4\n.popsection\n"

C_LINKAGE(unsigned long leaf_flags(unsigned long set))
C_LINKAGE(unsigned long leaf_zone(unsigned long n))
C_LINKAGE(unsigned long leaf_led(unsigned long n))
__asm__(
	".pushsection .text\n.p2align 4\n"
	/* red zone: 16 words below rsp, a loop over the marker with a live carry */
	".globl leaf_zone\n.type leaf_zone,@function\nleaf_zone:\n.cfi_startproc\n"
	"	mov $-16, %rcx\n"
	"1:	mov %rdi, (%rsp,%rcx,8)\n	add $3, %rdi\n	inc %rcx\n	jnz 1b\n"
	"	xor %eax, %eax\n	mov $-16, %rcx\n	stc\n"
	"2:	adc (%rsp,%rcx,8), %rax\n"
	"990:	nop\n" NOTE("990b", "8@%rax 8@(%rsp,%rcx,8) -8@%rcx")
	"	lea 1(%rcx), %rcx\n"
	"	jrcxz 3f\n	jmp 2b\n"
	"3:	ret\n.cfi_endproc\n.size leaf_zone,.-leaf_zone\n.p2align 4\n"
	/* flags: sets them all from its argument, and returns them */
	".globl leaf_flags\n.type leaf_flags,@function\nleaf_flags:\n.cfi_startproc\n"
	"	push %rdi\n.cfi_adjust_cfa_offset 8\n	popf\n.cfi_adjust_cfa_offset -8\n"
	"990:	nop\n" NOTE("990b", "8@%rdi 1@%dh")
	"	pushf\n.cfi_adjust_cfa_offset 8\n	pop %rax\n.cfi_adjust_cfa_offset -8\n"
	"	ret\n.cfi_endproc\n.size leaf_flags,.-leaf_flags\n.p2align 4\n"
	/* somebody jumps right behind the marker: it is hit by who comes from above only */
	".globl leaf_led\n.type leaf_led,@function\nleaf_led:\n.cfi_startproc\n"
	"	xor %eax, %eax\n	test $1, %dil\n	jnz 1f\n"
	"	lea 3(%rax,%rdi,2), %rax\n"
	"990:	nop\n" MARKER("990b", "led", "8@%rax")
	"1:	add $1, %rax\n	cmp $2, %rax\n	jb 1b\n"
	"	ret\n.cfi_endproc\n.size leaf_led,.-leaf_led\n.p2align 4\n"
	".popsection\n");

static void leaves(void)
{
	const unsigned long flags = 0x8d5, fixed = 0x202; /* OF SF ZF AF PF CF; IF and what is always 1 */

	unsigned long bits = 0;

	do {
		unsigned long want = bits | fixed, got = leaf_flags(want);

		if (got != want)
			printf("flags %#lx became %#lx\n", want, got);
		bits = (bits - flags) & flags;
	} while (bits);
	for (unsigned long n = 0; n < 1000; n++) {
		unsigned long got = leaf_zone(n), want = 16 * n + 3 * 120 + 1;

		if (got != want)
			printf("red zone: %lu, want %lu\n", got, want);
	}
	for (unsigned long n = 0; n < 1000; n++) {
		unsigned long got = leaf_led(n), want = n & 1 ? 2 : 2 * n + 4;

		if (got != want)
			printf("led: %lu, want %lu\n", got, want);
	}
	puts("leaves done");
}

static void *thread(void *n)
{
	ticks((long)n);
	return 0;
}

static void threads(long count, long n)
{
	pthread_t t[16];

	for (long i = 0; i < count; i++)
		pthread_create(&t[i], 0, thread, (void *)n);
	for (long i = 0; i < count; i++)
		pthread_join(t[i], 0);
}

/* loads LIBRARY N times, in namespaces of their own too, and calls what is in it */
static void loads(const char *path, int n, char **argv)
{
	for (int i = 0; i < n; i++) {
		void *own = dlmopen(LM_ID_NEWLM, path, RTLD_NOW), *lib = dlopen(path, RTLD_NOW);
		void (*call)(char **), (*tick)(long);

		if (!lib || !own) {
			puts(dlerror());
			exit(1);
		}
		*(void **)&call = dlsym(lib, "plugin");
		*(void **)&tick = dlsym(own, "plugin_ticks");
		fflush(stdout);
		call(argv);
		tick(100);
		dlclose(lib);
		dlclose(own);
	}
}

static void forks(long n)
{
	if (!fork()) {
		guarded(n + 1);
		ticks(n);
		fflush(stdout);
		_exit(0);
	}
	wait(0);
	guarded(n);
	ticks(n);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "all";

	setvbuf(stdout, 0, _IOLBF, 0);
	if (!strcmp(mode, "all"))
		all(argv);
	else if (!strcmp(mode, "leaves"))
		leaves();
	else if (!strcmp(mode, "threads"))
		threads(atol(argv[2]), atol(argv[3]));
	else if (!strcmp(mode, "loads"))
		loads(argv[2], atoi(argv[3]), argv);
	else if (!strcmp(mode, "forks"))
		forks(atol(argv[2]));
	else if (!strcmp(mode, "semaphores"))
		printf("%d %d %d\n", ENABLED(guarded), ENABLED(tick), ENABLED(none));
	return 0;
}
#endif
