// Calls two functions of libc, one of which its library hooks.c has patched.
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	for (int i = 0; i < 100; i++)
		if (getppid() != 4242 || getuid() != geteuid())
			return 1;
	puts("hooked");
	return 0;
}
