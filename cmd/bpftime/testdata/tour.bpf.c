/* An object that has everything the command shows: maps of each type with types of each
 * kind, data, constants, printed lines, and records of a ring buffer. Compiled into
 * tour.bpf.o: clang -target bpf -mcpu=v3 -O2 -g -ffile-prefix-map=$PWD=.
 * -fdebug-compilation-dir=. -c tour.bpf.c -o tour.bpf.o; llvm-strip -g tour.bpf.o
 *
 * It is attached to the victim calls.c: getppid is called seven times, a64l five.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*bpf_trace_printk)(const char *fmt, u32 size, ...) = (void *)6;
static long (*bpf_get_current_comm)(void *buf, u32 size) = (void *)16;
static long (*bpf_ringbuf_output)(void *map, void *data, u64 size, u64 flags) = (void *)130;

struct pt_regs {
	unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss;
};

enum kind { ENTRY = 1, RETURN = 2 };

struct who {
	char comm[16];
	enum kind kind;
};

struct what {
	u64 calls;
	s32 last;
	u32 slots[8]; /* log2 of calls */
};

struct event {
	u64 number;
	enum kind kind;
	s32 result;
	char comm[16];
};

const struct event *unused_event __attribute__((unused)); /* the type of records, for readers */

struct {
	__uint(type, 1); /* hash */
	__uint(max_entries, 64);
	__type(key, struct who);
	__type(value, struct what);
} calls SEC(".maps");

struct {
	__uint(type, 5); /* percpu_hash */
	__uint(max_entries, 16);
	__type(key, enum kind);
	__type(value, u64);
} by_kind SEC(".maps");

struct {
	__uint(type, 2); /* array */
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, s32);
} config SEC(".maps");

struct {
	__uint(type, 6); /* percpu_array */
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} dist SEC(".maps");

struct {
	__uint(type, 27); /* ringbuf */
	__uint(max_entries, 4096);
} events SEC(".maps");

u64 total;
s32 last_result = -1;
const volatile u8 verbose = 1;

static __attribute__((always_inline)) void count(enum kind kind, s32 result)
{
	struct what none = {}, *what;
	struct who who = {.kind = kind};
	struct event event = {.kind = kind, .result = result};
	u64 one = 1, *n;
	u32 slot;

	event.number = ++total;
	bpf_get_current_comm(who.comm, sizeof who.comm);
	__builtin_memcpy(event.comm, who.comm, sizeof event.comm);
	what = bpf_map_lookup_elem(&calls, &who);
	if (!what) {
		bpf_map_update_elem(&calls, &who, &none, 1);
		what = bpf_map_lookup_elem(&calls, &who);
	}
	if (what) {
		what->calls++;
		what->last = result;
		what->slots[what->calls < 2 ? 0 : what->calls < 4 ? 1 : 2]++;
	}
	n = bpf_map_lookup_elem(&by_kind, &who.kind);
	if (n)
		++*n;
	else
		bpf_map_update_elem(&by_kind, &who.kind, &one, 0);
	slot = kind;
	n = bpf_map_lookup_elem(&dist, &slot);
	if (n)
		++*n;
	bpf_ringbuf_output(&events, &event, sizeof event, 0);
}

SEC("uprobe/libc:getppid")
int on_getppid(struct pt_regs *ctx)
{
	count(ENTRY, 0);
	return 0;
}

SEC("uretprobe/libc:a64l")
int on_a64l(struct pt_regs *ctx)
{
	static const char fmt[] = "a64l returned %d";

	last_result = ctx->rax;
	count(RETURN, ctx->rax);
	if (verbose)
		bpf_trace_printk(fmt, sizeof fmt, ctx->rax);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
