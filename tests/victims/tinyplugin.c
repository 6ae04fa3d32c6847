// As plugin.c, with a function of one byte that no jump fits into, which g calls.
#include <stdlib.h>

void tiny(void);
__asm__(".pushsection .text\n"
	".type before_tiny, @function; before_tiny: xor %eax, %eax; ret; .size before_tiny, .-before_tiny\n"
	".globl tiny; .type tiny, @function; tiny: ret; .size tiny, .-tiny\n"
	".type behind_tiny, @function; behind_tiny: xor %eax, %eax; ret; .size behind_tiny, .-behind_tiny\n"
	".popsection");

__attribute__((noinline, noclone)) long g(long x)
{
	tiny();
	return x ^ 5;
}

__attribute__((constructor)) static void early(void)
{
	if (g(1) != 4)
		abort();
}
