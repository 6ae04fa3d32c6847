/* Markers (USDT): libstdc++ says when an exception is thrown, thrown again and caught, and what it is. How often each
 * type was, by the name that the compiler gives it: "i" is int.
 *
 *	g++ -O2 -o thrower thrower.cpp
 *	clang -target bpf -D__TARGET_ARCH_x86 -g -O2 -I/usr/include/x86_64-linux-gnu -c throws.bpf.c
 *	bpftime run -o throws.bpf.o -- ./thrower
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

struct type_info { /* std::type_info, as the C++ ABI lays it out */
	void *vtable;
	const char *name;
};

struct counts {
	__u64 thrown, rethrown, caught;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, char[64]);
	__type(value, struct counts);
} types SEC(".maps");

static struct counts *of(const struct type_info *type)
{
	struct counts none = {};
	const char *at = 0;
	char name[64] = {};

	bpf_probe_read_user(&at, sizeof(at), &type->name);
	bpf_probe_read_user_str(name, sizeof(name), at);
	bpf_map_update_elem(&types, name, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&types, name);
}

SEC("usdt/libstdc++:libstdcxx:throw")
int BPF_USDT(on_throw, void *object, const struct type_info *type)
{
	struct counts *c = of(type);

	if (c)
		__sync_fetch_and_add(&c->thrown, 1);
	return 0;
}

SEC("usdt/libstdc++:libstdcxx:rethrow")
int BPF_USDT(on_rethrow, void *object, const struct type_info *type)
{
	struct counts *c = of(type);

	if (c)
		__sync_fetch_and_add(&c->rethrown, 1);
	return 0;
}

SEC("usdt/libstdc++:libstdcxx:catch")
int BPF_USDT(on_catch, void *object, const struct type_info *type)
{
	struct counts *c = of(type);

	if (c)
		__sync_fetch_and_add(&c->caught, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
