// What the counting victims share: the probed function f, and a count of its calls that all processes see.
#pragma once
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define NOINLINE __attribute__((noinline, noclone))

static atomic_long *calls; // shared by every child; see shared_count

static inline void die(const char *what)
{
	perror(what);
	exit(99);
}

static inline atomic_long *shared_count(void)
{
	void *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static inline void *need(void *p)
{
	if (!p || p == MAP_FAILED)
		die("memory");
	return p;
}

// f has a frame, touches no stack argument, and returns what shows that registers and stack are right.
NOINLINE long f(long x)
{
	volatile long keep = x;
	__asm__ volatile("" ::: "rbx", "r12", "memory");
	return keep * 3 + 1;
}

// call calls f n times, checks its result, and counts.
static inline void call(long n)
{
	for (long i = 0; i < n; i++)
		if (f(i) != i * 3 + 1)
			_Exit(98);
	atomic_fetch_add(calls, n);
}
