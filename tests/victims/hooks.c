// A library that patches functions of libc when it is loaded, as profilers and test doubles do. What it patches is hooked before
// the agent comes: it is among the program's own libraries, whose constructors run first.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static pid_t hooked(void)
{
	return 4242;
}

// movabs $hooked, %rax; jmp *%rax
static void patch(const char *name)
{
	unsigned char jump[12] = { 0x48, 0xb8 }, *at = dlsym(RTLD_NEXT, name);
	uintptr_t page = (uintptr_t)at & ~0xfffUL;
	pid_t (*to)(void) = hooked;

	memcpy(jump + 2, &to, 8);
	memcpy(jump + 10, "\xff\xe0", 2);
	if (!at || mprotect((void *)page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC))
		abort();
	memcpy(at, jump, sizeof jump);
	if (mprotect((void *)page, 8192, PROT_READ | PROT_EXEC))
		abort();
}

__attribute__((constructor)) static void early(void)
{
	patch("getppid");
}
