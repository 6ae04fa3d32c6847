// starts N PROGRAM: starts N processes of PROGRAM at the same moment, with STARTS_PRELOAD in LD_PRELOAD, their input and
// output being /dev/null; waits for all, and prints how many ended with 23. Built static, so that no agent starts in here.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void child(int gate, char **argv)
{
	const char *preload = getenv("STARTS_PRELOAD");
	int null = open("/dev/null", O_RDWR);
	char c;

	if (preload)
		setenv("LD_PRELOAD", preload, 1);
	dup2(null, 0);
	dup2(null, 1);
	while (read(gate, &c, 1) > 0)
		; // until the parent closes the other end
	execv(*argv, argv);
	_exit(99);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[1]) : 0, gate[2], status, good = 0;

	if (!n || pipe2(gate, O_CLOEXEC))
		return 2;
	for (int i = 0; i < n; i++)
		if (!fork()) {
			close(gate[1]);
			child(gate[0], argv + 2);
		}
	close(gate[1]);
	while (wait(&status) > 0)
		good += WIFEXITED(status) && WEXITSTATUS(status) == 23;
	printf("%d\n", good);
	return 0;
}
