// stackuse: calls f on a painted stack, with and without leaf callees, and prints how many bytes below it were
// touched. The difference between a plain and a traced run is what a probe takes of the host's stack.
#include "probed.h"
#include <string.h>

enum { SIZE = 65536 };

static long touched(char *stack)
{
	long i = 0;
	while (i < SIZE && (unsigned char)stack[i] == 0xa5)
		i++;
	return SIZE - 64 - i;
}

int main(void)
{
	char *stack = need(mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	calls = shared_count();
	memset(stack, 0xa5, SIZE);
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov %0, %%rsp\n\t"
			 "mov $5, %%edi\n\t"
			 "call f\n\t"
			 "mov %%rbx, %%rsp"
			 :
			 : "r"(stack + SIZE - 64)
			 : "rbx", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
	printf("bytes %ld\n", touched(stack));
	return 0;
}
