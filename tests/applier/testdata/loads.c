// loads PLUGIN: loads a module while it runs, calls its g a hundred times, says so, and waits for the end of its input.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	void *handle = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : 0;
	long (*g)(long) = handle ? (long (*)(long))(intptr_t)dlsym(handle, "g") : 0;
	char c;
	if (!g)
		return 97;
	for (long i = 0; i < 100; i++)
		if (g(i) != (i ^ 5))
			return 98;
	if (write(1, "ready\n", 6) != 6)
		return 96;
	while (read(0, &c, 1) > 0)
		;
	return 23;
}
