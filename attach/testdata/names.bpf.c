/* A map with the name of a section. */
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, type) typeof(type) *name

static void *(*map_lookup_elem)(void *map, const void *key) = (void *)1;

struct {
	__uint(type, 2); /* array */
	__uint(max_entries, 1);
	__type(key, unsigned);
	__type(value, unsigned long);
} bss SEC(".maps");

unsigned long variable;

SEC("uprobe/lib:first")
int on_first(void *ctx)
{
	unsigned key = 0;
	unsigned long *count = map_lookup_elem(&bss, &key);

	if (count)
		++*count;
	++variable;
	return 0;
}
