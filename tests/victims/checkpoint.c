// checkpoint NAME: tells the harness that its parent waits for it, and waits until both have been inspected.
// Built static: a preloaded agent does not start in it, so that it shows what a child of the host inherits.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *path = getenv("BPFTIME_TEST_CHECKPOINT");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char text[200];

	if (argc != 2 || !path || strlen(path) >= sizeof to.sun_path)
		return 2;
	strcpy(to.sun_path, path);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof to))
		return 3;
	int n = snprintf(text, sizeof text, "%s %d %d\n", argv[1], getppid(), getpid());
	if (write(s, text, n) != n)
		return 4;
	return read(s, text, 1) == 0 ? 0 : 5;
}
