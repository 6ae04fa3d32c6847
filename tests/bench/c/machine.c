/*
 * What entering the kernel costs on this machine: the yardstick for start-up, whose cost is system calls and page faults,
 * and for the kernel's uprobes. One line: "SYSCALL_NS FAULT_NS", the best of some rounds.
 */
#define _GNU_SOURCE
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROUNDS = 30, CALLS = 1000, PAGES = 256, PAGE = 4096 };

static double time_syscall(void)
{
	uint64_t start = now_ns();

	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	return (double)(now_ns() - start) / CALLS;
}

/* Minor faults on small pages. */
static double time_fault(void)
{
	volatile char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	madvise((void *)p, PAGES * PAGE, MADV_NOHUGEPAGE);
	uint64_t start = now_ns();
	for (int i = 0; i < PAGES; i++)
		p[i * PAGE] = 1;
	uint64_t end = now_ns();
	munmap((void *)p, PAGES * PAGE);
	return (double)(end - start) / PAGES;
}

static double best_of(double (*measure)(void))
{
	double best = measure();

	for (int i = 1; i < ROUNDS; i++) {
		double ns = measure();

		best = ns < best ? ns : best;
	}
	return best;
}

int main(int argc, char **argv)
{
	if (argc != 2 || pin(atoi(argv[1])))
		return 2;
	printf("%.0f %.0f\n", best_of(time_syscall), best_of(time_fault));
	return 0;
}
