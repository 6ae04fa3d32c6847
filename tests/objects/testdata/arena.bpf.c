/* Memory that programs and their users share: a list, and variables, in an arena. A clang
 * that knows address spaces casts by itself; with another the program does, as in the
 * kernel's bpf_arena_common.h. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#ifdef __BPF_FEATURE_ADDR_SPACE_CAST
#define __arena __attribute__((address_space(1)))
#define __arena_global __attribute__((address_space(1)))
#define cast_kern(p) (p)
#else
#define __arena
#define __arena_global SEC(".addr_space.1")
#define cast_kern(p) ((typeof(p))to_kernel((void *)(p)))

static __always_inline void *to_kernel(void *p)
{
	register void *r asm("r3") = p;

	asm volatile(".byte 0xbf, 0x33, 1, 0, 1, 0, 0, 0" : "+r"(r)); /* r3 = addr_space_cast(r3, 0x0, 0x1) */
	return r;
}
#endif

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, 33 /* BPF_MAP_TYPE_ARENA */);
	__uint(map_flags, 1 << 10 /* BPF_F_MMAPABLE */);
	__uint(max_entries, 20);
} arena SEC(".maps");

extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, __u32 page_cnt, int node_id, __u64 flags) __ksym __weak;
extern void bpf_arena_free_pages(void *map, void __arena *ptr, __u32 page_cnt) __ksym __weak;
extern int bpf_arena_reserve_pages(void *map, void __arena *ptr, __u32 page_cnt) __ksym __weak;

struct node {
	struct node __arena *next;
	u64 value, square;
};

/* The first page of the arena. */
__arena_global u64 pushed = 100;
struct node __arena *__arena_global head = 0;

u64 full, followed, there, total, rounds, wild, bad;
static struct node __arena *page; /* what is left of one */
static u32 left;

static __noinline struct node __arena *take(void)
{
	if (!left) {
		page = bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);
		if (!page) {
			full++;
			return 0;
		}
		left = 4096 / sizeof(struct node);
	}
	left--;
	return page++;
}

SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(push, long a)
{
	struct node __arena *new = take(), *n;
	struct node __arena *__arena *first = cast_kern(&head);
	u64 __arena *count = cast_kern(&pushed);

	if (!new)
		return 0;
	n = cast_kern(new);
	n->value = a;
	n->square = a * a;
	n->next = *first;
	*first = new;
	__sync_fetch_and_add(count, 1);
	return 0;
}

/* As can_loop of the kernel's bpf_experimental.h: false when it was asked 8 million times. */
#define can_loop ({                                                                                                  \
	__label__ over, on;                                                                                          \
	bool ok = true;                                                                                              \
	asm volatile goto("1:.byte 0xe5; .byte 0; .long ((%l[over] - 1b - 8) / 8) & 0xffff; .short 0" :: : : over); \
	goto on;                                                                                                     \
over:                                                                                                                \
	ok = false;                                                                                                  \
on:;                                                                                                                 \
	ok;                                                                                                          \
})

/* The list, and one that is a circle. */
SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(sum, long a)
{
	struct node __arena *__arena *first = cast_kern(&head);
	u64 n = 0;

	asm volatile("" ::"r"(&arena));
	for (struct node __arena *at = *first; at && can_loop; at = cast_kern(at)->next)
		n += cast_kern(at)->value;
	total = n;
	if (a != 1)
		return 0;
	n = 0;
	for (u64 round = 1; round && can_loop; round = round % 7 + 1)
		n++;
	rounds += n;
	return 0;
}

/* Addresses that are none of the arena's. */
SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(follow, long a)
{
	u64 __arena *p = cast_kern((u64 __arena *)(a << 20 | 0xfff));

	asm volatile("" ::"r"(&arena)); /* a program that casts names its arena */
	followed++;
	wild += p[1] + p[-1000] != 0;
	p[2] = 1;
	__sync_fetch_and_add(&p[3], 1);
	return 0;
}

/* Pages, all that there are, and back. */
SEC("uprobe//proc/self/exe:add")
int BPF_KPROBE(pages, long a)
{
	void __arena *p, *q;

	if (!bpf_arena_alloc_pages)
		return 0;
	there++;
	bad += bpf_arena_alloc_pages(&arena, 0, 21, -1, 0) != 0;
	bad += bpf_arena_alloc_pages(&arena, 0, 0, -1, 0) != 0;
	bad += bpf_arena_alloc_pages(&arena, 0, 1, -1, 1) != 0;
	p = bpf_arena_alloc_pages(&arena, 0, 10, -1, 0);
	if (!p) {
		bad++;
		return 0;
	}
	bad += bpf_arena_alloc_pages(&arena, p, 1, -1, 0) != 0; /* taken */
	bad += bpf_arena_reserve_pages(&arena, p, 1) != -16;
	bpf_arena_free_pages(&arena, p + 4096, 2);
	q = bpf_arena_alloc_pages(&arena, p + 8192, 1, -1, 0); /* one of them */
	bad += q != p + 8192;
	bad += bpf_arena_reserve_pages(&arena, p + 4096, 1) != 0;
	bad += bpf_arena_reserve_pages(&arena, p + 100 * 4096, 1) != -22;
	bpf_arena_free_pages(&arena, p, 10);
	return 0;
}
