// Four functions whose return is probed by one tactic each: return_a by (a), and so on. Each calls act(x) and adds one.
#ifndef RETURNS_H
#define RETURNS_H

#include <cstring>

#define NOINLINE __attribute__((noinline, noclone))

typedef long (*action)(long);

// Reads nothing above its frame.
extern "C" NOINLINE long return_a(action act, long x)
{
	volatile long keep = x;
	long r = act(keep);
	__asm__ volatile("" ::: "memory");
	return r + 1;
}

// Reads arguments on the stack.
extern "C" NOINLINE long return_b(action act, long x, long, long, long, long, long seventh, long eighth)
{
	long r = act(x);
	__asm__ volatile("" : "+m"(seventh) : : "memory");
	return r + seventh * eighth;
}

// Reads its return address, and ends in a ret with room before it.
extern "C" NOINLINE long return_c(action act, long x)
{
	void *volatile caller = __builtin_return_address(0);
	long r = act(x);
	return caller ? r + 1 : 0;
}

// Takes the address of its arguments on the stack, and may leave by a jump to who knows whom.
extern "C" long return_d(action act, long x, ...);
__asm__(".text\n.globl return_d\n.type return_d, @function\n.p2align 4\nreturn_d:\n"
	".cfi_startproc\n"
	"mov %rdi, %rdx\nmov %rsi, %rdi\n"
	"cmp $-1, %rdi\nje 1f\n"
	"push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_offset rbx, -16\n"
	"lea 16(%rsp), %rbx\n"
	"call *%rdx\n"
	"add 120(%rbx), %rax\n" // the sixteenth word
	"pop %rbx\n.cfi_adjust_cfa_offset -8\n.cfi_restore rbx\n"
	"ret\n"
	"1: jmp *%rdx\n"
	".cfi_endproc\n.size return_d, .-return_d\n.p2align 4\n");

static long call_a(action act, long x) { return return_a(act, x); }
static long call_b(action act, long x) { return return_b(act, x, 3, 4, 5, 6, -1, -1); }
static long call_c(action act, long x) { return return_c(act, x); }
static long call_d(action act, long x) { return return_d(act, x, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 1); }

static long (*probed)(action, long);

// The same without a frame between: who calls this calls the function itself.
static inline __attribute__((always_inline)) long probed_from_here(action act, long x)
{
	if (probed == call_a)
		return return_a(act, x);
	if (probed == call_b)
		return return_b(act, x, 3, 4, 5, 6, -1, -1);
	if (probed == call_c)
		return return_c(act, x);
	return return_d(act, x, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 1);
}

// Chooses the function that is called as probed.
static bool choose(const char *name)
{
	static const struct {
		const char *name;
		long (*call)(action, long);
	} functions[] = { { "return_a", call_a }, { "return_b", call_b }, { "return_c", call_c }, { "return_d", call_d } };

	for (const auto &f : functions)
		if (!strcmp(name, f.name))
			probed = f.call;
	return probed;
}

#endif
