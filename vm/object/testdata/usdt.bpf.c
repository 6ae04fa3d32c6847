/* In the manner of libbpf's usdt.bpf.h: weak maps, weak configuration, and the
 * registers that a description names. */
#include "bpf.h"

static u64 (*bpf_get_attach_cookie)(void *ctx) = (void *)174;

struct spec {
	short offset; /* of a register in pt_regs */
	short unused[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, int);
	__type(value, struct spec);
} __bpf_usdt_specs SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, long);
	__type(value, u32);
} __bpf_usdt_ip_to_spec_id SEC(".maps") __weak;

extern const bool LINUX_HAS_BPF_COOKIE __kconfig;
extern const u32 CONFIG_NOT_KNOWN __kconfig __weak;

static __noinline int spec_id(struct pt_regs *ctx)
{
	long ip = ctx->rip;
	u32 *id;

	if (LINUX_HAS_BPF_COOKIE)
		return bpf_get_attach_cookie(ctx);
	id = bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &ip);
	return id ? *id : -3;
}

SEC("usdt/libc:libc:setjmp")
long on_usdt(struct pt_regs *ctx)
{
	int id = spec_id(ctx);
	struct spec *spec = bpf_map_lookup_elem(&__bpf_usdt_specs, &id);
	unsigned long value = 0;

	if (!spec)
		return -2;
	bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + spec->offset);
	return value + CONFIG_NOT_KNOWN;
}
