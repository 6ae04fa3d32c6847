/* System calls with every register, the flags and the red zone full of what must still
 * be there afterwards. Three sites: the number right before, where the rewritten call
 * is one that touches signals; the number from a register, with such a call, and with
 * another. Prints whether the bytes of each are still as they were compiled. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

enum { RAX, RCX, RDX, RBX, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, FLAGS, RED, NREGS = RED + 16 };

/* Named by the assembly alone. */
__attribute__((used)) static uint64_t before[NREGS], after[NREGS];

/* Loads before[], sets the flags last, runs the call, saves after[]. rsp is the host's:
 * what is below it is the red zone. */
#define SITE(name, call)                                                                                                       \
	void name(void);                                                                                                       \
	extern const uint8_t name##_site[];                                                                                    \
	__asm__(".type " #name ", @function\n" #name ":\n"                                                                     \
		"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"                                           \
		".set i, 0; .rept 16; mov before+8*17+8*i-8(%rip), %rax; mov %rax, -128+8*i(%rsp); .set i, i+1; .endr\n"       \
		"lea -128(%rsp), %rsp; pushq before+8*15(%rip); popfq; lea 128(%rsp), %rsp\n"                                  \
		"mov before+8*16(%rip), %rax; mov %rax, -128(%rsp)\n"                                                          \
		"mov before+8*2(%rip), %rdx; mov before+8*3(%rip), %rbx; mov before+8*4(%rip), %rbp; mov before+8*5(%rip), %rsi\n" \
		"mov before+8*6(%rip), %rdi; mov before+8*7(%rip), %r8; mov before+8*8(%rip), %r9; mov before+8*9(%rip), %r10\n" \
		"mov before+8*11(%rip), %r12; mov before+8*12(%rip), %r13; mov before+8*13(%rip), %r14; mov before+8*14(%rip), %r15\n" \
		"mov before(%rip), %rax\n" call "\n"                                                                            \
		"mov %rax, after(%rip); mov %rcx, after+8(%rip); mov %rdx, after+8*2(%rip); mov %rbx, after+8*3(%rip)\n"       \
		"mov %rbp, after+8*4(%rip); mov %rsi, after+8*5(%rip); mov %rdi, after+8*6(%rip); mov %r8, after+8*7(%rip)\n"  \
		"mov %r9, after+8*8(%rip); mov %r10, after+8*9(%rip); mov %r11, after+8*10(%rip); mov %r12, after+8*11(%rip)\n" \
		"mov %r13, after+8*12(%rip); mov %r14, after+8*13(%rip); mov %r15, after+8*14(%rip)\n"                         \
		".set i, 0; .rept 16; mov -128+8*i(%rsp), %rax; mov %rax, after+8*16+8*i(%rip); .set i, i+1; .endr\n"          \
		"lea -128(%rsp), %rsp; pushfq; popq after+8*15(%rip); lea 128(%rsp), %rsp\n"                                   \
		"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"                                            \
		".size " #name ", .-" #name "\n")

SITE(known, "known_site: mov $14, %eax; syscall");
SITE(chosen, "chosen_site: syscall");
SITE(other, "other_site: syscall");

static uint64_t random64(void)
{
	static uint64_t state = 1;

	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return state;
}

static void fill(long nr)
{
	for (int i = 0; i < NREGS; i++)
		before[i] = random64();
	before[RAX] = (uint64_t)nr;
	before[RDI] = 0;
	before[RSI] = before[RDX] = 0; /* rt_sigprocmask(SIG_BLOCK, 0, 0, 8); getppid() looks at nothing */
	before[R10] = 8;
	before[FLAGS] = 0x202 | (before[FLAGS] & 0x8d5); /* OF SF ZF AF PF CF */
}

static void check(const char *name, const uint8_t *next, uint64_t result)
{
	uint64_t want[NREGS];

	memcpy(want, before, sizeof want);
	want[RAX] = result;
	want[RCX] = (uint64_t)next;
	want[R11] = before[FLAGS];
	for (int i = 0; i < NREGS; i++)
		if (after[i] != want[i]) {
			printf("%s: %d is %#lx, want %#lx\n", name, i, after[i], want[i]);
			exit(1);
		}
}

/* What is behind the site has no label: code at an address that is taken stays as it is, since somebody may jump there. */
static void run(const char *name, void (*call)(void), const uint8_t *site, volatile int len, long nr, uint64_t result)
{
	for (int i = 0; i < 1000; i++) {
		fill(nr);
		call();
		check(name, site + len, result);
	}
	printf("%s: %s, 1000 calls\n", name, *site == 0xe9 ? "rewritten" : "as it was");
}

#include <unistd.h>

int main(void)
{
	run("known", known, known_site, 7, 0x1234, 0);
	run("chosen", chosen, chosen_site, 2, SYS_rt_sigprocmask, 0);
	run("other", other, other_site, 2, SYS_getppid, (uint64_t)getppid());
	return 0;
}
