/* Starts /bin/true as the libc does it, in a child that shares the memory, and says who it is and who that was. */
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(void)
{
	char *argv[] = {"true", "x", 0};
	pid_t child;

	if (posix_spawn(&child, "/bin/true", 0, 0, argv, environ))
		return 1;
	waitpid(child, 0, 0);
	printf("%d %d\n", getpid(), child);
	return 0;
}
