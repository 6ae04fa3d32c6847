/* Programs that say in every way where they are attached, or not. */
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, type) typeof(type) *name

static void *(*map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*skb_store_bytes)(void *skb) = (void *)9;
static unsigned long (*get_attach_cookie)(void *ctx) = (void *)174;

struct {
	__uint(type, 6); /* percpu_array */
	__uint(max_entries, 1);
	__type(key, unsigned);
	__type(value, unsigned long);
} counts SEC(".maps");

SEC("uprobe/lib:first")
int on_first(void *ctx)
{
	unsigned key = 0;
	unsigned long *count = map_lookup_elem(&counts, &key);

	if (count)
		++*count;
	return 0;
}

/* It looks at its context. */
SEC("uretprobe/lib:first")
int after_first(unsigned long *ctx)
{
	return ctx[10];
}

/* Of the kernel's helpers this one is for packets. */
SEC("uprobe/lib:second")
int no_helper(void *ctx)
{
	return skb_store_bytes(ctx);
}

SEC("uprobe")
int anywhere(void *ctx)
{
	return get_attach_cookie(ctx);
}

SEC("?uprobe/lib:second")
int optional(void *ctx)
{
	return 1;
}

/* Its constant takes two slots. */
SEC("?uprobe/lib:second")
unsigned long wide(void *ctx)
{
	return 0x123456789abcdef0;
}

SEC("kprobe/do_exit")
int in_kernel(void *ctx)
{
	return 0;
}
