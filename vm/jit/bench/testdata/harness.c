/* Times functions against each other. Usage: harness SPEC ROUNDS, where a line
 * of SPEC is one program:
 *
 *     NAME MEMORY NATIVE.so CODE ENTRY [FIELD…]
 *
 * CODE is machine code as the JIT made it, entered at offset ENTRY; a FIELD is
 * the offset of an eight-byte address to be set to that of native_lookup. Both
 * are u64 entry(u8 *memory, u64 length). They run in turns, in batches of about
 * BATCH_NS; the line printed has the least and the median time of a run:
 *
 *     NAME native-min native-median jit-min jit-median (ns)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define BATCH_NS 100000.0

typedef uint64_t (*entry_fn)(uint8_t *memory, uint64_t length);

struct variant {
	entry_fn fn;
	uint8_t *memory;
	double *ns; /* per run, by round */
};

static uint64_t values[64];

/* The array map of maplookup, for both variants. */
__attribute__((visibility("default"), noinline)) void *native_lookup(void *map, void *key)
{
	uint32_t k = *(uint32_t *)key;

	(void)map;
	return k < 64 ? &values[k] : NULL;
}

static void die(const char *what, const char *name)
{
	fprintf(stderr, "harness: %s: %s\n", what, name);
	exit(1);
}

static uint8_t *read_file(const char *name, size_t *size)
{
	FILE *f = fopen(name, "rb");
	uint8_t *b = malloc(1 << 20);

	if (!f || !b)
		die("cannot read", name);
	*size = fread(b, 1, 1 << 20, f);
	fclose(f);
	return b;
}

/* map_code maps the rest of a line of SPEC: CODE ENTRY [FIELD…]. */
static entry_fn map_code(char **save)
{
	char *name = strtok_r(NULL, " \n", save), *field;
	size_t size, entry;
	uint8_t *code = read_file(name, &size), *page;
	uint64_t lookup = (uint64_t)native_lookup;

	entry = strtoul(strtok_r(NULL, " \n", save), NULL, 10);
	while ((field = strtok_r(NULL, " \n", save)))
		memcpy(code + strtoul(field, NULL, 10), &lookup, 8);
	page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		die("cannot map", name);
	memcpy(page, code, size);
	if (mprotect(page, size, PROT_READ | PROT_EXEC))
		die("cannot make executable", name);
	free(code);
	return (entry_fn)(page + entry);
}

static entry_fn load_native(const char *name)
{
	void *lib = dlopen(name, RTLD_NOW);
	void *fn = lib ? dlsym(lib, "entry") : NULL;

	if (!fn)
		die(dlerror(), name);
	return (entry_fn)fn;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static double batch(struct variant *v, size_t size, long runs)
{
	double start = now();

	for (long i = 0; i < runs; i++)
		v->fn(v->memory, size);
	return (now() - start) / runs;
}

static long calibrate(struct variant *v, size_t size)
{
	long runs = 16;

	while (batch(v, size, runs) * runs < BATCH_NS / 2)
		runs *= 2;
	return runs;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void agree(struct variant v[2], size_t size, const char *name)
{
	memset(values, 0, sizeof values);
	uint64_t native = v[0].fn(v[0].memory, size);
	memset(values, 0, sizeof values);
	uint64_t jit = v[1].fn(v[1].memory, size);

	if (native != jit || memcmp(v[0].memory, v[1].memory, size))
		die("the code computes something else than native code", name);
}

static void run(char *line, int rounds)
{
	char *save, *name = strtok_r(line, " ", &save);
	struct variant v[2];
	size_t size;

	v[0].memory = read_file(strtok_r(NULL, " ", &save), &size);
	v[1].memory = malloc(size);
	memcpy(v[1].memory, v[0].memory, size);
	v[0].fn = load_native(strtok_r(NULL, " ", &save));
	v[1].fn = map_code(&save);
	agree(v, size, name);
	for (int i = 0; i < 2; i++)
		v[i].ns = calloc(rounds, sizeof(double));
	long runs = calibrate(&v[0], size);
	for (int r = 0; r < rounds; r++)
		for (int i = 0; i < 2; i++)
			v[(i + r) % 2].ns[r] = batch(&v[(i + r) % 2], size, runs);
	printf("%s", name);
	for (int i = 0; i < 2; i++) {
		qsort(v[i].ns, rounds, sizeof(double), ascending);
		printf(" %.3f %.3f", v[i].ns[0], v[i].ns[rounds / 2]);
	}
	printf("\n");
	fflush(stdout);
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof set, &set);
}

int main(int argc, char **argv)
{
	char line[8192];
	FILE *spec = argc == 3 ? fopen(argv[1], "r") : NULL;

	if (!spec)
		die("usage: harness SPEC ROUNDS", argc > 1 ? argv[1] : "");
	pin();
	while (fgets(line, sizeof line, spec))
		run(line, atoi(argv[2]));
	return 0;
}
