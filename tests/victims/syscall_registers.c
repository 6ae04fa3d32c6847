/* What a system call leaves of registers, flags, the red zone and the stack, as the kernel
 * says: all but rax, rcx (behind the instruction) and r11 (the flags). By a site that knows
 * its number, and by one that does not; on a stack that is aligned to nothing. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RED_ZONE 128
#define FLAGS_ARITHMETIC 0x8d5
#define FLAGS_DF 0x400

struct state {
	uint64_t rax, rcx, rdx, rbx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags;
	uint8_t red[RED_ZONE];
};

/* `in` is loaded, the call is made with rsp three bytes off, and what is there then goes to
 * `out`. Nothing may be pushed in between: scratch has what must be kept. */
__asm__(".bss\n"
	"scratch: .fill 4, 8, 0\n" /* in, then out; rsp; rcx; flags */
	".text\n"
	".macro CALLER name, setup\n"
	"	.globl	\\name\n"
	"	.type	\\name, @function\n"
	"\\name:	.cfi_startproc\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rsi\n"
	"	mov	%rsp, scratch+8(%rip)\n"
	"	sub	$3, %rsp\n"
	"	lea	128(%rdi), %rdx\n"
	"	xor	%eax, %eax\n"
	"1:	mov	(%rdx,%rax), %bl\n"
	"	mov	%bl, -128(%rsp,%rax)\n"
	"	inc	%rax\n"
	"	cmp	$128, %rax\n"
	"	jne	1b\n"
	"	lea	-256(%rsp), %rsp\n"
	"	pushq	120(%rdi)\n"
	"	popfq\n"
	"	lea	256(%rsp), %rsp\n"
	"	mov 0(%rdi),%rax; mov 8(%rdi),%rcx; mov 16(%rdi),%rdx; mov 24(%rdi),%rbx; mov 32(%rdi),%rsi\n"
	"	mov 48(%rdi),%rbp; mov 56(%rdi),%r8; mov 64(%rdi),%r9; mov 72(%rdi),%r10; mov 80(%rdi),%r11\n"
	"	mov 88(%rdi),%r12; mov 96(%rdi),%r13; mov 104(%rdi),%r14; mov 112(%rdi),%r15; mov 40(%rdi),%rdi\n"
	"	\\setup\n"
	"	syscall\n"
	"	.globl	\\name\\()_behind\n"
	"\\name\\()_behind:\n"
	"	mov	%rcx, scratch+16(%rip)\n"
	"	lea	-256(%rsp), %rsp\n"
	"	pushfq\n"
	"	popq	%rcx\n"
	"	lea	256(%rsp), %rsp\n"
	"	mov	%rcx, scratch+24(%rip)\n"
	"	cld\n"
	"	mov	scratch+8(%rip), %rcx\n"
	"	mov	(%rcx), %rcx\n"
	"	mov %rax,0(%rcx); mov %rdx,16(%rcx); mov %rbx,24(%rcx); mov %rsi,32(%rcx); mov %rdi,40(%rcx)\n"
	"	mov %rbp,48(%rcx); mov %r8,56(%rcx); mov %r9,64(%rcx); mov %r10,72(%rcx); mov %r11,80(%rcx)\n"
	"	mov %r12,88(%rcx); mov %r13,96(%rcx); mov %r14,104(%rcx); mov %r15,112(%rcx)\n"
	"	mov	scratch+16(%rip), %rax\n"
	"	mov	%rax, 8(%rcx)\n"
	"	mov	scratch+24(%rip), %rax\n"
	"	mov	%rax, 120(%rcx)\n"
	"	xor	%eax, %eax\n"
	"2:	mov	-128(%rsp,%rax), %bl\n"
	"	mov	%bl, 128(%rcx,%rax)\n"
	"	inc	%rax\n"
	"	cmp	$128, %rax\n"
	"	jne	2b\n"
	"	add	$3, %rsp\n"
	"	sub	scratch+8(%rip), %rsp\n" /* 0, if the stack is where it was */
	"	mov	%rsp, %rax\n"
	"	mov	scratch+8(%rip), %rsp\n"
	"	pop %rsi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"	.size	\\name, . - \\name\n"
	".endm\n"
	"CALLER by_known, \"mov $110, %eax\"\n"
	"CALLER by_any, \"\"\n");

long by_known(const struct state *in, struct state *out), by_any(const struct state *in, struct state *out);
extern const char by_known_behind[], by_any_behind[];

static int failures;

static void want(const char *what, uint64_t have, uint64_t wanted)
{
	if (have == wanted)
		return;
	printf("%s: %#lx, not %#lx\n", what, (unsigned long)have, (unsigned long)wanted);
	failures++;
}

static void call(long (*f)(const struct state *, struct state *), const char *behind, uint64_t number, uint64_t flags, uint64_t result)
{
	struct state in, out;
	const uint64_t *before = (const uint64_t *)&in, *after = (const uint64_t *)&out;

	for (unsigned i = 0; i < offsetof(struct state, red) / 8; i++)
		((uint64_t *)&in)[i] = 0x0123456789abcdef * (i + 3);
	for (unsigned i = 0; i < RED_ZONE; i++)
		in.red[i] = (uint8_t)(7 * i + 3);
	in.rax = number;
	in.flags = flags;
	want("rsp moved by", (uint64_t)f(&in, &out), 0);
	want("rax", out.rax, result);
	want("rcx", out.rcx, (uint64_t)behind);
	for (unsigned i = 2; i < offsetof(struct state, flags) / 8; i++)
		if (i != offsetof(struct state, r11) / 8)
			want("a register", after[i], before[i]);
	want("flags", out.flags & (FLAGS_ARITHMETIC | FLAGS_DF), flags & (FLAGS_ARITHMETIC | FLAGS_DF));
	want("r11", out.r11, out.flags);
	want("the red zone", (uint64_t)memcmp(in.red, out.red, RED_ZONE), 0);
}

static void calls(uint64_t flags, uint64_t parent)
{
	call(by_known, by_known_behind, 0, flags, parent);
	call(by_any, by_any_behind, 110, flags, parent);
	call(by_any, by_any_behind, 0xabcdef0000000000 | 110, flags, parent);
	call(by_any, by_any_behind, 600, flags, (uint64_t)-38); /* numbers that no call has */
	call(by_any, by_any_behind, (uint64_t)-1, flags, (uint64_t)-38);
}

int main(void)
{
	static const uint64_t bits[] = {1, 4, 16, 64, 128, 0x800, FLAGS_DF};
	uint64_t parent = (uint64_t)getppid();

	for (unsigned set = 0; set < 128; set++) {
		uint64_t flags = 0x202;

		for (unsigned i = 0; i < 7; i++)
			flags |= set >> i & 1 ? bits[i] : 0;
		calls(flags, parent);
	}
	puts(failures ? "different" : "as the kernel leaves them");
	return failures != 0;
}
