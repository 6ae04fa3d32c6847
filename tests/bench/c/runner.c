/*
 * Starts one program again and again under several environments, interleaved, and prints what each start cost.
 *
 *   runner CPU ROUNDS WAIT PROGRAM [-- NAME [VARIABLE=VALUE]...]...
 *     -> sample NAME ROUND WALL_NS CPU_NS FAULTS REFERENCE
 *                              from before vfork to after wait4; user + system time and page faults of the child and of
 *                              those that it waited for
 *     -> failed NAME STATUS                           the child did not exit with 0; STATUS as wait4 gives it; ends the run
 *     -> timed BEST                                   the reference level of a quiet core; ends the answer
 *
 * The child gets exactly the named variables. Its standard streams are the runner's.
 */
#define _GNU_SOURCE
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_VARIANTS = 16, MAX_VARIABLES = 16 };

struct variant {
	const char *name;
	char *env[MAX_VARIABLES + 1];
};

struct cost {
	double wall, cpu;
	long faults;
	double reference;
};

static struct variant variants[MAX_VARIANTS];
static int nvariants;

static void usage(void)
{
	fputs("usage: runner CPU ROUNDS WAIT PROGRAM [-- NAME [VARIABLE=VALUE]...]...\n", stderr);
	exit(2);
}

static void parse_variants(char **arg)
{
	while (*arg && nvariants < MAX_VARIANTS) {
		struct variant *v = &variants[nvariants++];

		if (strcmp(*arg++, "--") || !*arg)
			usage();
		v->name = *arg++;
		for (int i = 0; i < MAX_VARIABLES && *arg && strcmp(*arg, "--");)
			v->env[i++] = *arg++;
	}
	if (*arg)
		usage();
}

static int start(char *program, char **env, struct rusage *used)
{
	char *argv[] = { program, NULL };
	int status = -1;
	pid_t child = vfork();

	if (child == 0) {
		execve(program, argv, env);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, used) != child)
		return -1;
	return status;
}

static double ns_of(struct timeval t)
{
	return (double)t.tv_sec * 1e9 + (double)t.tv_usec * 1e3;
}

static struct cost run(struct sampler *s, char *program, struct variant *v)
{
	struct rusage used = { 0 };

	sampler_wait(s);
	double before = sampler_reference(s);
	uint64_t from = now_ns();
	int status = start(program, v->env, &used);
	uint64_t to = now_ns();
	double after = sampler_reference(s);

	if (status) {
		printf("failed %s %d\n", v->name, status);
		exit(1);
	}
	return (struct cost){ (double)(to - from), ns_of(used.ru_utime) + ns_of(used.ru_stime),
			      used.ru_minflt + used.ru_majflt, before > after ? before : after };
}

int main(int argc, char **argv)
{
	struct sampler s;

	if (argc < 5 || pin(atoi(argv[1])))
		usage();
	int rounds = atoi(argv[2]);
	parse_variants(argv + 5);
	sampler_init(&s, atof(argv[3]));
	for (int k = 0; k < nvariants; k++)
		run(&s, argv[4], &variants[k]); /* the first start fills the page cache */
	for (int round = 0; round < rounds; round++)
		for (int k = 0; k < nvariants; k++) {
			struct variant *v = &variants[sampler_order(round, k, nvariants)];
			struct cost c = run(&s, argv[4], v);

			printf("sample %s %d %.0f %.0f %ld %.4f\n", v->name, round, c.wall, c.cpu, c.faults,
			       c.reference);
		}
	printf("timed %.4f\n", s.best);
	return 0;
}
