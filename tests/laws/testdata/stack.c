// stack FUNCTION WHERE: calls the function on a painted stack and prints how many bytes below the call were touched. The
// difference between a plain and a traced run is what its probes take. WHERE is near, on the main thread's own stack, far,
// on another one, or thread, on the stack of a thread that has never been hit.
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { SIZE = 65536, WORDS = 16, PAINT = 0xa5 };

__asm__(".text\n"
	".macro FUNCTION name\n"
	".globl \\name\n.type \\name, @function\n.p2align 4\n\\name:\n.cfi_startproc\n"
	".endm\n"
	".macro END name\n"
	".cfi_endproc\n.size \\name, .-\\name\n"
	".endm\n"
	// reads nothing above its frame: tactic (a)
	"FUNCTION plain\n"
	"lea 1(%rdi), %rax\n nop\n nop\n nop\n ret\n"
	"END plain\n"
	// reads the seventh argument, and the sixteenth word: tactic (b)
	"FUNCTION seventh\n"
	"mov 8(%rsp), %rax\n nop\n nop\n nop\n ret\n"
	"END seventh\n"
	"FUNCTION sixteenth\n"
	"mov 8*15(%rsp), %rax\n nop\n nop\n nop\n ret\n"
	"END sixteenth\n"
	// reads its return address: tactic (c)
	"FUNCTION curious\n"
	"mov (%rsp), %rax\n nop\n nop\n nop\n lea 8(%rsp), %rdx\n ret\n nop\n nop\n nop\n nop\n nop\n"
	"END curious\n"
	// jumps to who knows whom: tactic (d)
	"FUNCTION leaving\n"
	"lea behind(%rip), %rax\n nop\n jmp *%rax\n"
	"behind: ret\n"
	"END leaving\n");

void plain(void), seventh(void), sixteenth(void), curious(void), leaving(void);

static const struct {
	const char *name;
	void (*call)(void);
} functions[] = { { "plain", plain }, { "seventh", seventh }, { "sixteenth", sixteenth }, { "curious", curious }, { "leaving", leaving } };

static long touched(const char *stack, const char *top)
{
	const char *p = stack;
	while (p < top && (unsigned char)*p == PAINT)
		p++;
	return top - p;
}

static void measure(char *stack, void (*call)(void))
{
	char *top = stack + SIZE - 8 * (WORDS + 4);

	for (int round = 0; round < 2; round++) {
		memset(stack, PAINT, SIZE);
		__asm__ volatile("mov %%rsp, %%rbx\n\t"
				 "mov %0, %%rsp\n\t"
				 "call *%1\n\t"
				 "mov %%rbx, %%rsp"
				 :
				 : "r"(top), "r"(call)
				 : "rbx", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
		printf("bytes %ld\n", touched(stack, top));
	}
}

static void (*chosen)(void);

static void *near(void *unused)
{
	char stack[SIZE] __attribute__((aligned(16)));

	measure(stack, chosen);
	return unused;
}

static void far(void)
{
	char *stack = mmap((void *)(1ul << 44), SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack != MAP_FAILED)
		measure(stack, chosen);
}

int main(int argc, char **argv)
{
	pthread_t t;

	for (size_t i = 0; argc == 3 && i < sizeof functions / sizeof *functions; i++)
		if (!strcmp(argv[1], functions[i].name))
			chosen = functions[i].call;
	if (!chosen)
		return 2;
	if (!strcmp(argv[2], "far"))
		far();
	else if (!strcmp(argv[2], "near"))
		near(0);
	else if (!pthread_create(&t, 0, near, 0))
		pthread_join(t, 0);
	return 0;
}
