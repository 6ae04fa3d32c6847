/* Says "ready", then counts each signal of the terminal and of kill: it prints the name
 * and goes on; SIGTERM ends it with exit code 7. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void say(const char *s)
{
	if (write(1, s, strlen(s)) < 0)
		_exit(1);
}

static void on_signal(int n)
{
	switch (n) {
	case SIGINT:
		say("int\n");
		break;
	case SIGUSR1:
		say("usr1\n");
		break;
	case SIGHUP:
		say("hup\n");
		break;
	case SIGTERM:
		say("term\n");
		_exit(7);
	}
}

int main(void)
{
	struct sigaction act;

	memset(&act, 0, sizeof act);
	act.sa_handler = on_signal;
	sigaction(SIGINT, &act, 0);
	sigaction(SIGUSR1, &act, 0);
	sigaction(SIGHUP, &act, 0);
	sigaction(SIGTERM, &act, 0);
	say("ready\n");
	for (;;)
		pause();
}
