/* Loads a library by dlopen, again and again, and has it make system calls. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	long n = 0;

	for (int i = 0; argc > 2 && i < atoi(argv[2]); i++) {
		void *library = dlopen(argv[1], RTLD_NOW);
		long (*ask)(void);

		if (!library)
			return 1;
		*(void **)&ask = dlsym(library, "ask");
		n += ask() > 0;
		dlclose(library);
	}
	printf("%ld calls\n", n);
	return 0;
}
