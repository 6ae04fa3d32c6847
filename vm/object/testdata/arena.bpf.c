/* Variables in an arena. A clang without address spaces has them in the same section; the
 * program casts by itself. */
#include "bpf.h"

#ifdef __BPF_FEATURE_ADDR_SPACE_CAST
#define __arena __attribute__((address_space(1)))
#define __arena_global __attribute__((address_space(1)))
#define cast_kern(p) (p)
#else
#define __arena
#define __arena_global SEC(".addr_space.1")
#define cast_kern(p) ((typeof(p))to_kernel((void *)(p)))

static __attribute__((always_inline)) inline void *to_kernel(void *p)
{
	register void *r asm("r3") = p;

	asm volatile(".byte 0xbf, 0x33, 1, 0, 1, 0, 0, 0" : "+r"(r));
	return r;
}
#endif

struct {
	__uint(type, 33 /* BPF_MAP_TYPE_ARENA */);
	__uint(map_flags, 1 << 10 /* BPF_F_MMAPABLE */);
	__uint(max_entries, 3);
} arena SEC(".maps");

__arena_global u64 calls = 100;

SEC("uprobe/libc:malloc")
int count(struct pt_regs *ctx)
{
	u64 __arena *n = cast_kern(&calls);

	asm volatile("" ::"r"(&arena));
	*n += ctx->rdi;
	return *n;
}
