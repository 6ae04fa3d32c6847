/* bpf_for_each_map_elem, with a function that does something to the map.
 *
 *   each SESSION MAP MODE N
 *
 * MODE: all; stop: with entry N; delete, update: the entry it is given; empty: all other
 * entries, at the first; insert: N more, one each time; flags: N. Prints the key and the
 * first word of the value of each entry that comes, then the result. */
#include "host.h"

static const char *mode;
static long most, seen;
static u64 mine;

static void others(struct map_header *h, const u8 *key, u64 ctx)
{
	u8 k[8];

	for (u64 n = 0; n < 64; n++) {
		memcpy(k, &n, 8);
		if (memcmp(k, key, h->key_size))
			bpftime_map_delete_elem((u64)h, (u64)k, 0, 0, 0, ctx);
	}
}

static u64 entry(u64 map, u64 key, u64 value, u64 arg, u64 zero, u64 ctx)
{
	struct map_header *h = (struct map_header *)map;
	u64 k = 0, v, more;

	memcpy(&k, (const void *)key, h->key_size);
	memcpy(&v, (const void *)value, 8);
	printf("%llu %llu\n", (unsigned long long)k, (unsigned long long)v);
	if (arg != 1234 || zero || ctx != mine)
		puts("arguments!");
	seen++;
	more = 1000 + (u64)seen;
	switch (*mode) {
	case 's':
		return seen == most;
	case 'd':
		bpftime_map_delete_elem(map, key, 0, 0, 0, ctx);
		break;
	case 'u':
		v += 100;
		bpftime_map_update_elem(map, (u64)&k, (u64)&v, 0, 0, ctx);
		break;
	case 'e':
		if (seen == 1)
			others(h, (const u8 *)key, ctx);
		break;
	case 'i':
		if (seen <= most)
			bpftime_map_update_elem(map, (u64)&more, (u64)&v, 0, 0, ctx);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct caller c;
	struct map_header *h;

	if (argc != 5)
		return 2;
	session_open(argv[1], 1);
	h = map_open(argv[2]);
	if (!h)
		return 3;
	mode = argv[3];
	most = atol(argv[4]);
	caller_init(&c, 3, 0);
	mine = context(&c);
	new_run(&c);
	printf("= %lld\n", (long long)bpftime_for_each_map_elem((u64)h, (u64)entry, 1234, *mode == 'f' ? (u64)most : 0, 0, mine));
	return 0;
}
