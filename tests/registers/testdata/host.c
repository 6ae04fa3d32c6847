/* Comes to a probed site with a random value in everything that a program has, and notes
 * what is there before and after.
 *
 *   host FILE SITE ROUNDS SEED [far]     writes ROUNDS pairs of struct state to FILE;
 *                                        far: on a stack of its own
 *   host - SITE ROUNDS SEED              the site changes nothing: check that, under a
 *                                        storm of SIGPROF
 *   host + SITE ROUNDS SEED              the same with a SIGTRAP behind each instruction,
 *                                        and DF set
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

/* sites.S knows this. */
struct state {
	uint64_t r[15]; /* as in pt_regs, from r15 to rdi */
	uint64_t rsp, rip, flags;
	uint8_t xmm[16][16];
	uint8_t below[128], above[256]; /* of rsp */
};

struct state state;
void *site_target;
extern uint64_t site_back;
static uint64_t stepped; /* TF and DF */
static int called; /* the site is a function: what is on top of the stack is where it returns to */
void run_site(void);

static char far_stack[1 << 16] __attribute__((aligned(4096)));
static volatile sig_atomic_t storms;

static uint64_t random64(void)
{
	static uint64_t x;

	if (!x)
		x = (uint64_t)random() << 32 | (uint64_t)random() | 1;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void fill(void *to, size_t n)
{
	uint8_t *p = to;

	while (n--)
		*p++ = (uint8_t)(random64() >> 24);
}

/* OF DF SF ZF AF PF CF are at random; the rest is as the kernel wants it. */
static void prepare(char *stack)
{
	fill(&state, sizeof state);
	state.flags = (state.flags & 0xcd5) | 0x202 | stepped;
	state.rsp = (uint64_t)stack + (random64() & 255);
	state.rip = (uint64_t)site_target;
	if (called)
		memcpy(state.above, &site_back, sizeof site_back);
	memcpy((void *)(state.rsp - 128), state.below, sizeof state.below);
	memcpy((void *)state.rsp, state.above, sizeof state.above);
}

static void after(uint64_t rsp)
{
	memcpy(state.below, (void *)(rsp - 128), sizeof state.below);
	memcpy(state.above, (void *)rsp, sizeof state.above);
}

static void on_signal(int sig)
{
	(void)sig;
	storms++;
}

static int storm(char *stack, long rounds)
{
	struct itimerval often = {{0, 50}, {0, 50}};
	struct state before;
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART};
	stack_t own = {.ss_sp = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = 1 << 16};

	if (random64() & 1 && sigaltstack(&own, 0))
		return 4;
	sigaction(stepped ? SIGTRAP : SIGPROF, &sa, 0);
	if (!stepped)
		setitimer(ITIMER_PROF, &often, 0);
	for (long i = 0; i < rounds; i++) {
		prepare(stack);
		before = state;
		run_site();
		after(before.rsp);
		state.rip = before.rip;
		if (memcmp(&before, &state, sizeof state)) {
			printf("round %ld: something has changed\n", i);
			return 1;
		}
	}
	setitimer(ITIMER_PROF, &(struct itimerval){0}, 0);
	printf("%ld rounds\n", rounds);
	return storms ? 0 : 2;
}

int main(int argc, char **argv)
{
	char near_stack[1 << 16], *stack = (argc > 5 ? far_stack : near_stack) + (1 << 15);
	long rounds = argc > 4 ? atol(argv[3]) : 0;
	FILE *out;

	if (!rounds || !(site_target = dlsym(RTLD_DEFAULT, argv[2])))
		return 3;
	called = !strncmp(argv[2], "at_f", 4);
	srandom((unsigned)atol(argv[4]));
	stepped = strcmp(argv[1], "+") ? 0 : 0x500;
	if (stepped || !strcmp(argv[1], "-"))
		return storm(stack, rounds);
	out = fopen(argv[1], "w");
	for (long i = 0; out && i < rounds; i++) {
		prepare(stack);
		fwrite(&state, sizeof state, 1, out);
		uint64_t rsp = state.rsp;
		run_site();
		after(rsp);
		fwrite(&state, sizeof state, 1, out);
	}
	return out && !fclose(out) ? 0 : 5;
}
