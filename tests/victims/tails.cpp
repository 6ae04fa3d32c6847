// tails: functions that leave by a jump to the next one, and two that jump to each other for long.
// Prints what they return.
#include <cstdio>
#include <cstdlib>

extern "C" long tail_0(long x), ping(long n, long sum);
static long last(long x) { return x * 2; }

typedef long (*step)(long);
extern "C" {
step volatile next_of_all = last;
long (*volatile other)(long, long);
}

// tail_0 jumps to tail_1, through a pointer, and so on; each adds one.
__asm__(".macro tail n, to\n"
	".globl tail_\\n\n.type tail_\\n, @function\n.p2align 4\ntail_\\n:\n.cfi_startproc\n"
	"add $1, %rdi\nnop\nmov \\to(%rip), %rax\njmp *%rax\n"
	".cfi_endproc\n.size tail_\\n, .-tail_\\n\n"
	".endm\n"
	".text\n"
	"tail 0, to_1\ntail 1, to_2\ntail 2, to_3\ntail 3, to_4\ntail 4, to_5\ntail 5, to_6\n"
	"tail 6, to_7\ntail 7, to_8\ntail 8, to_9\ntail 9, next_of_all\n"
	".section .data.rel.local, \"aw\"\n.balign 8\n"
	"to_1: .quad tail_1\nto_2: .quad tail_2\nto_3: .quad tail_3\nto_4: .quad tail_4\nto_5: .quad tail_5\n"
	"to_6: .quad tail_6\nto_7: .quad tail_7\nto_8: .quad tail_8\nto_9: .quad tail_9\n"
	".text\n"
	".globl ping\n.type ping, @function\n.p2align 4\nping:\n.cfi_startproc\n"
	"mov %rsi, %rax\nadd %rdi, %rsi\ndec %rdi\njs 1f\nmov other(%rip), %rdx\njmp *%rdx\n1: ret\n"
	".cfi_endproc\n.size ping, .-ping\n");

extern "C" __attribute__((noinline, optimize("optimize-sibling-calls"))) long pong(long n, long sum) { return ping(n, sum); }

int main()
{
	long sum = 0;
	other = pong;
	for (long i = 0; i < 1000; i++)
		sum += tail_0(i);
	printf("%ld\n", sum);
	printf("%ld\n", ping(1000000, 0));
	return 0;
}
