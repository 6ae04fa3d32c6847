/*
 * The host of the probe benchmark: one process that holds every variant of the function under test, so that they can be
 * timed side by side. It is driven by lines on standard input and answers by lines on standard output:
 *
 *   check CALLS NAME              calls the variant and compares each result
 *     -> checked NAME WRONG HITS  HITS is what the host's own trampoline counted, 0 where it has none
 *   time ROUNDS WAIT NAME...      times the variants, interleaved; WAIT bounds in seconds the waiting for a quiet core
 *     -> prepare NAME             before a sample of some: goes on when any line comes
 *     -> sample NAME ROUND NS REFERENCE   ns per function called; the worse of the two reference runs beside it
 *     -> calls NAME CALLS         all calls of this command, warm-up included
 *     -> timed BEST               the reference level of a quiet core; ends the answer
 *
 * Anything else is answered by "error …" and exit status 2. The end of input ends the host.
 */
#define _GNU_SOURCE
#include "helpers.h"
#include "sample.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

typedef uint64_t function(const char *text, int i, uint64_t x);

struct variant {
	const char *name;
	function *f;
	void *trampoline;     /* of the host itself, or none */
	const uint64_t *hits; /* counted by the trampoline's up to three programs, or none */
	long calls;           /* per sample: a fraction of a millisecond */
	long functions;       /* that one call runs, their results added up */
	int prepared;         /* before each sample the driver sees to a ring */
};

/* Calls per sample, functions per call, whether the driver prepares a sample. */
#define FAST 200000, 1, 0
#define SLOW 1000, 1, 0
#define TRAPPED 60, 1, 0
#define LONG 200, 1, 0
#define RING 1000, 1, 1
#define SWEEP 16, 4096, 0

#define VARIANTS(X)                                                             \
	X(plain, FAST, NO) X(jump, FAST, JUMP)                                  \
	X(limit_entry, FAST, LIMIT) X(limit_entry2, FAST, LIMIT)                \
	X(limit_entry3, FAST, LIMIT) X(limit_full, FAST, LIMIT)                 \
	X(limit_return, FAST, LIMIT) X(limit_both, FAST, LIMIT)                 \
	X(limit_shadow, FAST, LIMIT)                                            \
	X(ours_entry, FAST, NO) X(ours_entry2, FAST, NO)                        \
	X(ours_entry3, FAST, NO) X(ours_return, FAST, NO) X(ours_both, FAST, NO) \
	X(ours_look, FAST, NO) X(ours_write, FAST, NO) X(ours_offset, FAST, NO) \
	X(ours_offset_look, FAST, NO) X(ours_offset_write, FAST, NO)            \
	X(ours_session, FAST, NO)                                               \
	X(kernel_nop5_entry, SLOW, NO) X(kernel_nop5_entry2, SLOW, NO)          \
	X(kernel_nop5_entry3, SLOW, NO) X(kernel_nop5_both, SLOW, NO)           \
	X(kernel_push_entry, SLOW, NO) X(kernel_push_both, SLOW, NO)            \
	X(kernel_mov_entry, TRAPPED, NO) X(kernel_mov_both, TRAPPED, NO)        \
	X(least_key, SLOW, NO) X(least_array, SLOW, NO)                         \
	X(least_hash, SLOW, NO) X(least_hash_update, SLOW, NO)                  \
	X(least_hash_insert, SLOW, NO) X(least_ring, SLOW, NO)                  \
	X(sweep_plain, SWEEP, NO) X(sweep_limit, SWEEP, STUBS)                  \
	X(sweep_ours, SWEEP, NO)

#define DECLARE_HELPER(name, size) extern function f_ours_##name, f_kernel_nop5_##name;
HELPER_SITES(DECLARE_HELPER)

#define DECLARE_NO(name)
#define DECLARE_JUMP(name) extern char t_##name[];
#define DECLARE_LIMIT(name) extern char t_##name[]; extern const uint64_t hits_##name[];
#define DECLARE_STUBS(name) extern const uint64_t hits_##name[];
#define DECLARE(name, size, kind) extern function f_##name; DECLARE_##kind(name)
VARIANTS(DECLARE)

#define FIELDS_NO(name) NULL, NULL
#define FIELDS_JUMP(name) t_##name, NULL
#define FIELDS_LIMIT(name) t_##name, hits_##name
#define FIELDS_STUBS(name) NULL, hits_##name
#define ROW(name, size, kind) { #name, f_##name, FIELDS_##kind(name), size },
#define HELPER_ROWS(name, ...) { "ours_" #name, f_ours_##name, NULL, NULL, __VA_ARGS__ }, \
	{ "kernel_nop5_" #name, f_kernel_nop5_##name, NULL, NULL, __VA_ARGS__ },
static const struct variant variants[] = { VARIANTS(ROW) HELPER_SITES(HELPER_ROWS) };

enum { NVARIANTS = sizeof variants / sizeof variants[0] };

extern __thread uint64_t *limit_shadow, *limit_shadow_end;

static const char text[] = "four";
static volatile uint64_t sink;

static void fail(const char *what, const char *which)
{
	printf("error %s %s\n", what, which);
	fflush(stdout);
	exit(2);
}

static const struct variant *find(const char *name)
{
	for (int i = 0; i < NVARIANTS; i++)
		if (!strcmp(variants[i].name, name))
			return &variants[i];
	fail("no variant", name);
	return NULL;
}

/* Eight bytes are displaced: the jump, and three that nothing reaches. */
static void patch(int mem, const struct variant *v)
{
	unsigned char jump[8] = { 0xe9, 0, 0, 0, 0, 0xcc, 0xcc, 0xcc };
	uintptr_t site = (uintptr_t)v->f;
	int32_t rel32 = (int32_t)((intptr_t)v->trampoline - (intptr_t)(site + 5));

	memcpy(jump + 1, &rel32, sizeof rel32);
	if (pwrite(mem, jump, sizeof jump, (off_t)site) != sizeof jump)
		fail("cannot patch", v->name);
}

static void patch_all(void)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < NVARIANTS; i++)
		if (variants[i].trampoline)
			patch(mem, &variants[i]);
	close(mem);
}

static void make_shadow_stack(void)
{
	static uint64_t stack[1024];

	limit_shadow = stack;
	limit_shadow_end = stack + sizeof stack / sizeof stack[0];
}

static uint64_t hits(const struct variant *v)
{
	const volatile uint64_t *counted = v->hits;

	return counted ? counted[0] + counted[1] + counted[2] : 0;
}

static void check(const struct variant *v, long calls)
{
	long wrong = 0;
	uint64_t before = hits(v);

	for (long i = 0; i < calls; i++) {
		uint64_t x = (uint64_t)i * 1000, right = (uint64_t)text[i & 3] + x;

		wrong += v->f(text, i & 3, x) != right * (uint64_t)v->functions;
	}
	printf("checked %s %ld %lu\n", v->name, wrong, hits(v) - before);
}

__attribute__((noinline)) static double time_calls(function *f, long calls)
{
	uint64_t sum = 0, start = now_ns();

	for (long i = 0; i < calls; i++)
		sum += f(text, i & 3, (uint64_t)i);
	uint64_t end = now_ns();
	sink = sum;
	return (double)(end - start) / (double)calls;
}

struct sample {
	double ns, reference;
};

#define PREEMPTED 1e6

/* How often somebody else took the CPU. */
static long preemptions(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return used.ru_nivcsw;
}

/* Rings are emptied, or filled, by who is at their other end. */
static void prepare(const struct variant *v)
{
	char line[16];

	if (!v->prepared)
		return;
	printf("prepare %s\n", v->name);
	fflush(stdout);
	if (!fgets(line, sizeof line, stdin))
		exit(0);
}

/* A sample during which the host was preempted gets the reference of a core that nobody takes for quiet. */
static struct sample take_once(struct sampler *s, const struct variant *v, long *calls)
{
	long warm = v->calls / 20 + 1;

	prepare(v);
	sampler_wait(s);
	long preempted = preemptions();
	time_calls(v->f, warm);
	double before = sampler_reference(s);
	double ns = time_calls(v->f, v->calls) / (double)v->functions;
	double after = sampler_reference(s);
	*calls += warm + v->calls;
	if (preemptions() != preempted)
		return (struct sample){ ns, PREEMPTED };
	return (struct sample){ ns, before > after ? before : after };
}

/* Tries again after a preemption, as long as there is waiting time left to spend on that. */
static struct sample take(struct sampler *s, const struct variant *v, long *calls)
{
	for (;;) {
		uint64_t start = now_ns();
		struct sample taken = take_once(s, v, calls);

		if (taken.reference != PREEMPTED || s->wait_left <= 0)
			return taken;
		s->wait_left -= (double)(now_ns() - start) * 1e-9;
	}
}

static void time_variants(int rounds, double wait, const struct variant **chosen, int n)
{
	struct sampler s;
	struct sample *samples = calloc((size_t)(rounds * n), sizeof *samples);
	long calls[NVARIANTS] = { 0 };

	if (!samples)
		fail("out of memory for", "samples");
	sampler_init(&s, wait);
	for (int round = 0; round < rounds; round++)
		for (int k = 0; k < n; k++) {
			int i = sampler_order(round, k, n);

			samples[round * n + i] = take(&s, chosen[i], &calls[i]);
		}
	for (int j = 0; j < rounds * n; j++)
		printf("sample %s %d %.4f %.4f\n", chosen[j % n]->name, j / n, samples[j].ns, samples[j].reference);
	for (int i = 0; i < n; i++)
		printf("calls %s %ld\n", chosen[i]->name, calls[i]);
	printf("timed %.4f\n", s.best);
	free(samples);
}

static void command_time(void)
{
	const struct variant *chosen[NVARIANTS];
	int rounds = atoi(strtok(NULL, " ")), n = 0;
	double wait = atof(strtok(NULL, " "));

	for (char *name; n < NVARIANTS && (name = strtok(NULL, " "));)
		chosen[n++] = find(name);
	time_variants(rounds, wait, chosen, n);
}

static void command_check(void)
{
	long calls = atol(strtok(NULL, " "));

	check(find(strtok(NULL, " ")), calls);
}

static void command(char *line)
{
	const char *verb = strtok(line, " ");

	if (verb && !strcmp(verb, "check"))
		command_check();
	else if (verb && !strcmp(verb, "time"))
		command_time();
	else
		fail("no such command:", verb ? verb : "");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[4096];

	if (argc != 2 || pin(atoi(argv[1])))
		fail("usage:", "host CPU");
	make_shadow_stack();
	patch_all();
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		command(line);
	}
	return 0;
}
