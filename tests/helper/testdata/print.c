// print SESSION SCENARIO: bpf_trace_printk, bpf_trace_vprintk and bpf_snprintf.
//
//   formats            reads lines "SIZE FORMAT ARG…": the room for snprintf, the format in hex, numbers, or bytes in hex
//                      behind a '@', whose address is the argument. For each it prints what vprintk, printk (with up to
//                      three arguments) and snprintf return, and snprintf's text in hex
//   flood WRITERS N    so many threads print N numbered lines each, as the test's reader knows them
//   forever            numbered lines, until it is killed
//   step               prints a line between two stops (SIGSTOP), for a tracer
#include "harness.h"

enum { MAX_ARGS = 12, ROOM = 4096 };

static u64 unhex(const char *s, char *to)
{
	u64 n = 0;
	unsigned byte;
	for (; sscanf(s + 2 * n, "%2x", &byte) == 1; n++)
		to[n] = byte;
	to[n] = 0;
	return n;
}

static u64 argument(const char *word, char **pool)
{
	if (*word != '@')
		return strtoull(word, 0, 0);
	char *at = *pool;
	*pool += unhex(word + 1, at) + 1;
	return (u64)at;
}

static void try_snprintf(const char *format, u64 room, const u64 *args, u64 n)
{
	static u8 text[ROOM];
	memset(text, 0xee, sizeof text);
	printf(" %ld ", (long)call(SNPRINTF, text, room, format, args, n * 8));
	for (u64 i = 0; i < room && i < ROOM; i++)
		printf("%02x", text[i]);
	for (u64 i = room; i < ROOM; i++)
		check(text[i] == 0xee, "%s: byte %lu of %lu", format, i, room);
}

static void try_format(char *line)
{
	static char format[ROOM], strings[ROOM];
	char *pool = strings, *word = strtok(line, " \n");
	u64 args[MAX_ARGS] = {0}, n = 0, room = strtoull(word, 0, 0);
	u64 size = unhex(strtok(0, " \n"), format) + 1;
	while ((word = strtok(0, " \n")) && n < MAX_ARGS)
		args[n++] = argument(word, &pool);
	printf("%ld", (long)call(TRACE_VPRINTK, format, size, args, n * 8));
	if (n <= 3)
		printf(" %ld", (long)call(TRACE_PRINTK, format, size, args[0], args[1], args[2]));
	else
		printf(" -");
	try_snprintf(format, room, args, n);
	printf("\n");
	fflush(stdout);
}

static void formats(void)
{
	static char line[4 * ROOM];
	while (fgets(line, sizeof line, stdin))
		try_format(line);
}

// Arguments that are none.
static void refused(void)
{
	static const u64 args[13];
	check(call(TRACE_VPRINTK, "x", 2, args, 96) == 1, "twelve");
	check(call(TRACE_VPRINTK, "x", 2, args, 104) == (u64)-EINVAL, "thirteen");
	check(call(TRACE_VPRINTK, "x", 2, args, 4) == (u64)-EINVAL, "half of one");
	check(call(TRACE_VPRINTK, "x", 2, 0, 8) == (u64)-EINVAL, "no address");
	check(call(TRACE_VPRINTK, "x", 2, 0, 0) == 1, "none");
	check(call(TRACE_VPRINTK, "xy", 2, 0, 0) == (u64)-EINVAL, "no end");
	check(call(TRACE_PRINTK, "xy", 2, 0, 0) == (u64)-EINVAL, "no end");
	check(call(TRACE_PRINTK, "", 1, 0, 0) == 0, "empty");
	check(call(TRACE_PRINTK, "", 0, 0, 0) == (u64)-EINVAL, "no size");
	check(call(TRACE_PRINTK, "%d%d%d%d", 9, 0, 0, 0) == (u64)-EINVAL, "four");
	check(call(SNPRINTF, 0, 0, "%d", args, 8) == 2, "no room");
	check(call(SNPRINTF, 0, 0, "%d", 0, 8) == (u64)-EINVAL, "no address");
}

static char name[16];
static u64 lines_each;

static void print_line(u64 n)
{
	u64 args[3] = {n, (u64)name, n % 40 + 1};
	char format[64];
	snprintf(format, sizeof format, "line %%lu of %%s %%%lud", n % 300 + 1); // as long as its number says
	check(!failed(call(TRACE_VPRINTK, format, sizeof format, args, sizeof args)), "%lu", n);
}

// No two threads that run programs have the same lease.
static void *writer(void *lease)
{
	bpftime_self.lease = (u16)(u64)lease;
	for (u64 n = 0; n < lines_each; n++)
		print_line(n);
	return 0;
}

static void flood(u64 writers, u64 lines)
{
	pthread_t t[64];
	need(writers <= 64, "writers");
	lines_each = lines;
	for (u64 i = 0; i < writers; i++)
		need(!pthread_create(&t[i], 0, writer, (void *)(i + 1)), "pthread_create");
	for (u64 i = 0; i < writers; i++)
		pthread_join(t[i], 0);
}

static void step(void)
{
	bpftime_resident.clock = 0; // the vDSO's tries again when a tick comes in between, which is always
	call(GET_CURRENT_PID_TGID);
	raise(SIGSTOP);
	call(TRACE_VPRINTK, "stepped %s", 11, (u64[]){(u64)name}, 8);
	raise(SIGSTOP);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	start(argv[1]);
	snprintf(name, sizeof name, "%d", getpid());
	if (!strcmp(argv[2], "formats"))
		formats();
	else if (!strcmp(argv[2], "refused"))
		refused();
	else if (!strcmp(argv[2], "flood") && argc == 5)
		flood(strtoull(argv[3], 0, 0), strtoull(argv[4], 0, 0));
	else if (!strcmp(argv[2], "forever"))
		for (u64 n = 0;; n++)
			print_line(n);
	else if (!strcmp(argv[2], "step"))
		step();
	else
		return 2;
	return finish();
}
