/* What libbpf has put into its usdt.bpf.h since 1.7: a description of an argument has an
 * index register, in bits that were the upper ones of its kind. Written for this test,
 * to be interface-compatible: the names are those that user space fills by. */
#pragma once

enum __bpf_usdt_arg_type {
	BPF_USDT_ARG_CONST,
	BPF_USDT_ARG_REG,
	BPF_USDT_ARG_REG_DEREF,
	BPF_USDT_ARG_SIB,
};

struct __bpf_usdt_arg_spec {
	__u64 val_off;
	enum __bpf_usdt_arg_type arg_type : 8;
	__u16 idx_reg_off : 12;
	__u16 scale_bitshift : 4;
	__u8 __reserved : 8;
	short reg_off;
	bool arg_signed;
	char arg_bitshift;
};

struct __bpf_usdt_spec {
	struct __bpf_usdt_arg_spec args[12];
	__u64 usdt_cookie;
	short arg_cnt;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, int);
	__type(value, struct __bpf_usdt_spec);
} __bpf_usdt_specs SEC(".maps") __weak;

extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;

static __always_inline struct __bpf_usdt_spec *usdt_spec(struct pt_regs *ctx)
{
	int id = LINUX_HAS_BPF_COOKIE ? bpf_get_attach_cookie(ctx) : -1;

	return bpf_map_lookup_elem(&__bpf_usdt_specs, &id);
}

__weak __hidden int bpf_usdt_arg_cnt(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *s = usdt_spec(ctx);

	return s ? s->arg_cnt : -3;
}

__weak __hidden long bpf_usdt_cookie(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *s = usdt_spec(ctx);

	return s ? s->usdt_cookie : 0;
}

static __always_inline unsigned long usdt_reg(struct pt_regs *ctx, short off)
{
	unsigned long v = 0;

	bpf_probe_read_kernel(&v, sizeof(v), (void *)ctx + off);
	return v;
}

__weak __hidden int bpf_usdt_arg(struct pt_regs *ctx, __u64 n, long *res)
{
	struct __bpf_usdt_spec *s = usdt_spec(ctx);
	struct __bpf_usdt_arg_spec *a;
	unsigned long v;
	int err = 0;

	*res = 0;
	if (!s)
		return -3;
	if (n >= 12 || n >= s->arg_cnt)
		return -2;
	a = &s->args[n];
	switch (a->arg_type) {
	case BPF_USDT_ARG_CONST:
		v = a->val_off;
		break;
	case BPF_USDT_ARG_REG:
		v = usdt_reg(ctx, a->reg_off);
		break;
	case BPF_USDT_ARG_REG_DEREF:
		err = bpf_probe_read_user(&v, sizeof(v), (void *)usdt_reg(ctx, a->reg_off) + a->val_off);
		break;
	case BPF_USDT_ARG_SIB:
		v = usdt_reg(ctx, a->reg_off) + (usdt_reg(ctx, a->idx_reg_off) << a->scale_bitshift) + a->val_off;
		err = bpf_probe_read_user(&v, sizeof(v), (void *)v);
		break;
	default:
		return -22;
	}
	if (err)
		return err;
	v <<= a->arg_bitshift;
	*res = a->arg_signed ? (long)v >> a->arg_bitshift : v >> a->arg_bitshift;
	return 0;
}

#define ___bpf_usdt_args0() ctx
#define ___bpf_usdt_args1(x) ___bpf_usdt_args0(), ({ long _x; bpf_usdt_arg(ctx, 0, &_x); (void *)_x; })
#define ___bpf_usdt_args2(x, args...) ___bpf_usdt_args1(args), ({ long _x; bpf_usdt_arg(ctx, 1, &_x); (void *)_x; })
#define BPF_USDT(name, args...) \
	name(struct pt_regs *ctx); \
	static __always_inline int ____##name(struct pt_regs *ctx, ##args); \
	int name(struct pt_regs *ctx) \
	{ \
		_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
		return ____##name(___bpf_apply(___bpf_usdt_args, ___bpf_narg(args))(args)); \
		_Pragma("GCC diagnostic pop") \
	} \
	static __always_inline int ____##name(struct pt_regs *ctx, ##args)
