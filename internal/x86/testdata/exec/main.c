/*
 * Runs every victim, moves the first instructions of the functions that the
 * patch file names, jumps from each to its copy, and runs every victim again.
 * The results must be the same. The overwritten bytes behind the jump become
 * int3, so that nobody can run them unnoticed.
 *
 * The patch file has one function a line:
 *   address window falls_through code_hex fixups {at kind target tail}...
 * with module addresses; the program is position-independent, so they differ
 * from the run-time ones by base.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "victim.h"

enum { arena_size = 1 << 20, max_victims = 64, sides = 12 };
enum { rel32 = 1, abs64 = 2 };

extern char __executable_start[];

static uint8_t *arena;
static size_t used;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void protect(uint8_t *from, uint8_t *to, int prot)
{
	uintptr_t start = (uintptr_t)from & ~(uintptr_t)4095;

	if (mprotect((void *)start, (uintptr_t)to - start, prot))
		die("mprotect");
}

static uint8_t *base(void)
{
	return (uint8_t *)__executable_start;
}

static void put_rel32(uint8_t *field, const uint8_t *target, int tail)
{
	int64_t distance = target - (field + 4 + tail);
	int32_t value = (int32_t)distance;

	if (value != distance)
		die("target is out of reach");
	memcpy(field, &value, sizeof(value));
}

static void read_fixup(FILE *f, uint8_t *code)
{
	int at, kind, tail;
	uint64_t target;

	if (fscanf(f, "%d %d %" SCNx64 " %d", &at, &kind, &target, &tail) != 4)
		die("fixup");
	if (kind == abs64) {
		uint64_t value = (uint64_t)(base() + target);
		memcpy(code + at, &value, sizeof(value));
		return;
	}
	if (kind != rel32)
		die("fixup kind");
	put_rel32(code + at, base() + target, tail);
}

static size_t read_code(FILE *f, uint8_t *code)
{
	char hex[1024];
	size_t n = 0;

	if (fscanf(f, "%1023s", hex) != 1)
		die("code");
	for (; hex[2 * n]; n++) {
		unsigned byte;

		if (sscanf(hex + 2 * n, "%2x", &byte) != 1)
			die("hex");
		code[n] = (uint8_t)byte;
	}
	return n;
}

static void patch(uint8_t *site, int window, const uint8_t *copy)
{
	site[0] = 0xe9;
	put_rel32(site + 1, copy, 0);
	memset(site + 5, 0xcc, window - 5);
}

/* Reads one line; returns 0 at the end of the file. */
static int move_one(FILE *f)
{
	uint64_t addr;
	int window, falls, fixups;
	uint8_t *copy = arena + used;

	if (fscanf(f, "%" SCNx64 " %d %d", &addr, &window, &falls) != 3)
		return 0;
	used += read_code(f, copy);
	if (fscanf(f, "%d", &fixups) != 1)
		die("fixups");
	while (fixups--)
		read_fixup(f, copy);
	if (falls) {
		arena[used] = 0xe9;
		put_rel32(arena + used + 1, base() + addr + window, 0);
		used += 5;
	}
	patch(base() + addr, window, copy);
	return 1;
}

static int move_all(const char *file)
{
	FILE *f = fopen(file, "r");
	int n = 0;

	if (!f)
		die(file);
	arena = mmap(base() + (64 << 20), arena_size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (arena == MAP_FAILED)
		die("mmap");
	while (move_one(f))
		n++;
	fclose(f);
	return n;
}

static void run_all(uint64_t results[max_victims][sides][sides])
{
	for (int v = 0; victims[v].name; v++)
		for (int a = 0; a < sides; a++)
			for (int b = 0; b < sides; b++)
				results[v][a][b] = victims[v].run(a, b);
}

static uint64_t before[max_victims][sides][sides], after[max_victims][sides][sides];

static int compare(void)
{
	int failed = 0;

	for (int v = 0; victims[v].name; v++) {
		if (!memcmp(before[v], after[v], sizeof(before[v])))
			continue;
		printf("%s gives other results when it is moved\n", victims[v].name);
		failed = 1;
	}
	return failed;
}

/* main and what it calls are not patched, and live in another page: text is
 * writable, and not executable, only while nothing but libc runs in it. */
int main(int argc, char **argv)
{
	extern uint8_t __start_victims[], __stop_victims[];
	int n;

	if (argc != 2)
		return 2;
	run_all(before);
	protect(__start_victims, __stop_victims, PROT_READ | PROT_WRITE);
	n = move_all(argv[1]);
	protect(__start_victims, __stop_victims, PROT_READ | PROT_EXEC);
	protect(arena, arena + arena_size, PROT_READ | PROT_EXEC);
	run_all(after);
	printf("%d functions moved\n", n);
	return compare();
}
