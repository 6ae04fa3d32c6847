/*
 * A system call that does nothing, by two instructions: right behind the mov of its number, and where the number comes
 * from elsewhere.
 *
 *   calls CPU ROUNDS WAIT
 *     -> sample NAME ROUND NS REFERENCE
 *     -> timed BEST CALLS              the reference level of a quiet core; how often each was called
 */
#define _GNU_SOURCE
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

enum { CALLS = 1000 };

__attribute__((naked, noinline)) static long known(long number)
{
	(void)number;
	asm("mov $110, %eax\n syscall\n ret\n");
}

__attribute__((naked, noinline)) static long given(long number)
{
	(void)number;
	asm("mov %rdi, %rax\n xor %edi, %edi\n syscall\n test %rax, %rax\n ret\n");
}

static const struct {
	const char *name;
	long (*call)(long number);
} variants[] = {{"known", known}, {"given", given}};

_Static_assert(SYS_getppid == 110, "the number in known");

static void sample(struct sampler *s, int round, int variant)
{
	sampler_wait(s);
	double before = sampler_reference(s);
	uint64_t start = now_ns();

	for (int i = 0; i < CALLS; i++)
		variants[variant].call(SYS_getppid);
	double ns = (double)(now_ns() - start) / CALLS, after = sampler_reference(s);

	printf("sample %s %d %.3f %.4f\n", variants[variant].name, round, ns, before > after ? before : after);
}

int main(int argc, char **argv)
{
	struct sampler s;

	if (argc != 4 || pin(atoi(argv[1])))
		return 2;
	sampler_init(&s, atof(argv[3]));
	for (int round = 0; round < atoi(argv[2]); round++)
		for (int k = 0; k < 2; k++)
			sample(&s, round, sampler_order(round, k, 2));
	printf("timed %.4f %d\n", s.best, CALLS * atoi(argv[2]));
	return 0;
}
