/* CO-RE: types laid out otherwise than here, types and members that do not exist. */
#include "bpf.h"

/* vmlinux.h's names, and not its order. */
struct pt_regs___kernel {
	unsigned long ax, sp, di, si, orig_ax;
} __core;

struct task_struct {
	char before[100];
	s32 tgid;
	struct task_struct *real_parent;
	u64 not_here;
	char comm[16];
} __core;

struct task_struct___newer {
	u32 state_of_the_art;
} __core;

struct bpf_ringbuf {
} __core;

struct no_such_type {
	u64 field;
} __core;

enum bpf_func_id {
	BPF_FUNC_map_lookup_elem = 99,
	BPF_FUNC_invented = 100,
	BPF_FUNC_ringbuf_output = 101,
};

enum bpf_map_type {
	BPF_MAP_TYPE_TASK_STORAGE = 50,
	BPF_MAP_TYPE_XSKMAP = 51,
};

#define field_exists(field) __builtin_preserve_field_info(field, 2)
#define field_offset(field) __builtin_preserve_field_info(field, 0)
#define type_exists(type) __builtin_preserve_type_info(*(typeof(type) *)0, 0)
#define type_size(type) __builtin_preserve_type_info(*(typeof(type) *)0, 1)
#define enum_exists(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 0)
#define enum_value(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 1)

#define TASK ((struct task_struct *)0)
#define NEWER ((struct task_struct___newer *)0)

SEC("uprobe")
u64 regs(struct pt_regs___kernel *ctx)
{
	return ctx->di + 10 * ctx->si + 100 * ctx->ax + 1000 * ctx->sp + 10000 * ctx->orig_ax;
}

SEC("uprobe")
u64 offsets(void *ctx)
{
	return field_offset(TASK->tgid) + 1000 * field_offset(TASK->real_parent) + 1000000 * field_offset(TASK->comm[3]);
}

SEC("uprobe")
u64 existence(void *ctx)
{
	return type_exists(struct bpf_ringbuf) | type_exists(struct no_such_type) << 1 |
	       field_exists(TASK->comm) << 2 | field_exists(TASK->not_here) << 3 |
	       enum_exists(enum bpf_func_id, BPF_FUNC_map_lookup_elem) << 4 |
	       enum_exists(enum bpf_func_id, BPF_FUNC_invented) << 5 |
	       enum_exists(enum bpf_map_type, BPF_MAP_TYPE_TASK_STORAGE) << 6 |
	       enum_exists(enum bpf_map_type, BPF_MAP_TYPE_XSKMAP) << 7 |
	       enum_value(enum bpf_func_id, BPF_FUNC_ringbuf_output) << 8;
}

/* What is asked for before it is used is never reached. */
SEC("uprobe")
u64 guarded(struct pt_regs *ctx)
{
	u64 value = ctx->rdi;

	if (field_exists(NEWER->state_of_the_art)) {
		u32 state = 0;
		bpf_probe_read_kernel(&state, sizeof(state), &((struct task_struct___newer *)ctx->rsi)->state_of_the_art);
		value += state;
	}
	if (type_exists(struct no_such_type))
		value += field_offset(((struct no_such_type *)0)->field) + type_size(struct no_such_type);
	return value + 7;
}

SEC("uprobe")
u64 unguarded(struct pt_regs *ctx)
{
	return ctx->rdi + field_offset(TASK->not_here);
}
