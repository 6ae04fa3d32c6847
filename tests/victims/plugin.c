// A module that is loaded late. Its constructor calls g once, before dlopen returns: a probe must be there already; and
// tells the program, if that wants to know.
#include <stdlib.h>

__attribute__((noinline, noclone)) long g(long x)
{
	volatile long keep = x;
	__asm__ volatile("" ::: "rbx", "memory");
	return keep ^ 5;
}

__attribute__((weak)) void plugin_loaded(void);

__attribute__((constructor)) static void early(void)
{
	if (g(1) != 4)
		abort();
	if (plugin_loaded)
		plugin_loaded();
}
