// life SCENARIO N: what programs do to their own process: close every descriptor, exec themselves, become a daemon,
// count on descriptor numbers. f is called N times in each incarnation.
#include "probed.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static long n;

static void close_all(void)
{
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	call(n);
	printf("first descriptor %d\n", open("/dev/null", O_RDONLY));
	call(n);
}

static void lowest(void)
{
	printf("descriptors");
	for (int i = 0; i < 5; i++)
		printf(" %d", open("/dev/null", O_RDONLY));
	close(0);
	printf(" %d\n", open("/dev/zero", O_RDONLY));
	call(n);
}

// No standard descriptors at all: whatever is opened first becomes 0, 1 and 2.
static void closed_stdio(void)
{
	char *argv[] = { "life", "lowest_quiet", "10", 0 };
	close(0), close(1), close(2);
	execv("/proc/self/exe", argv);
}

static void lowest_quiet(void)
{
	int fd = open("out", O_CREAT | O_WRONLY, 0644);
	call(n);
	_exit(fd == 0 && dprintf(fd, "first %d\n", fd) > 0 ? 0 : 1);
}

static void exec_self(void)
{
	char times[20], *left = getenv("LEFT");
	int more = left ? atoi(left) : 3;
	call(n);
	printf("%d more, calls %ld\n", more, atomic_load(calls));
	fflush(stdout);
	if (!more)
		return;
	snprintf(times, sizeof times, "%d", more - 1);
	setenv("LEFT", times, 1);
	char count[20];
	snprintf(count, sizeof count, "%ld", n);
	execl("/proc/self/exe", "life", "exec_self", count, (char *)0);
	die("exec");
}

// A child that the process already has when the agent starts: it is the host's to reap, and no other.
static void inherits_child(void)
{
	char count[20];
	snprintf(count, sizeof count, "%ld", n);
	if (!fork())
		_exit(7);
	execl("/proc/self/exe", "life", "reaps_child", count, (char *)0);
	die("exec");
}

static void reaps_child(void)
{
	int status = -1;
	call(n);
	pid_t pid = waitpid(-1, &status, 0);
	printf("a child %d, status %x, ", pid > 0, status);
	pid = waitpid(-1, &status, WNOHANG | __WALL);
	printf("then %d, %s\n", pid, strerror(errno));
}

static void daemonise(void)
{
	if (fork())
		_exit(0);
	setsid();
	if (fork())
		_exit(0);
	umask(027);
	int out = open("out", O_CREAT | O_WRONLY | O_APPEND, 0644);
	if (out < 0 || chdir("/"))
		die("daemon");
	for (int fd = 0; fd < 1024; fd++)
		if (fd != out)
			close(fd);
	if (open("/dev/null", O_RDWR) != 0 || dup(0) != 1 || dup(0) != 2)
		_exit(3);
	call(n);
	dprintf(out, "daemon: out is %d, calls %ld, session leader %d\n", out, atomic_load(calls), getsid(0) == getpid());
	pid_t pid = fork();
	if (!pid) {
		execlp("checkpoint", "checkpoint", "daemon", (char *)0);
		_exit(9);
	}
	int status;
	waitpid(pid, &status, 0);
	dprintf(out, "checkpoint %x\n", status);
}

// The program may end any number of ways; its own exit handlers and buffers must work.
static void at_exit(void) { printf("exit handler\n"); }

static void ends(void)
{
	atexit(at_exit);
	call(n);
	printf("buffered, ");
	exit(77);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "close_all", close_all }, { "lowest", lowest }, { "closed_stdio", closed_stdio },
	{ "lowest_quiet", lowest_quiet }, { "inherits_child", inherits_child }, { "reaps_child", reaps_child }, { "exec_self", exec_self }, { "daemonise", daemonise }, { "ends", ends },
};

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	n = atol(argv[2]);
	calls = shared_count();
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		if (!strcmp(argv[1], scenarios[i].name)) {
			scenarios[i].run();
			return 0;
		}
	return 2;
}
