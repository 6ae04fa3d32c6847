/* Loads the fake agent and prints what became of it, before and after the part
 * that belongs to the compiler. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	void *agent = argc == 2 ? dlopen(argv[1], RTLD_NOW) : 0;
	int *constructed, *started, (*tables)(void);
	void (*run_compiler)(void);

	if (!agent) {
		puts(dlerror());
		return 1;
	}
	constructed = dlsym(agent, "constructed");
	started = dlsym(agent, "started");
	*(void **)&tables = dlsym(agent, "relocated_tables");
	*(void **)&run_compiler = dlsym(agent, "run_compiler");
	printf("loaded: constructed %d, started %d, relocated %#x\n", *constructed, *started, tables());
	run_compiler();
	printf("then: constructed %d, started %d, relocated %#x\n", *constructed, *started, tables());
	return 0;
}
