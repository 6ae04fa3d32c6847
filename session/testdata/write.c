/* Writes a session file through the structures of structs.h.
 *
 *   write fill FILE     what TestReads expects, in a new file
 *   write trace FILE    what TestTrace expects, in a new file
 *   write run FILE      changes links, counters and log of a file as traced
 *                       processes do, until its standard input ends
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "structs.h"

static struct session *map_file(const char *path, int flags)
{
	int fd = open(path, O_RDWR | flags, 0600);
	void *at;

	if (fd < 0 || ftruncate(fd, SESSION_SIZE))
		return 0;
	at = mmap(0, SESSION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? 0 : at;
}

/* As log_line of preload/session.c. What a record says depends on its number
 * alone, so that a torn one is seen. */
static void log_number(struct session *s)
{
	u64 index = __atomic_fetch_add(&s->hdr.log_head, 1, __ATOMIC_RELAXED);
	struct session_log *rec = &s->logs[index % SESSION_NLOGS];

	__atomic_store_n(&rec->seq, 0, __ATOMIC_RELEASE);
	rec->time = index * 1000;
	rec->pid = (u32)index;
	rec->level = index % 5;
	rec->len = 1 + index % (LOG_TEXT_SIZE - 1);
	memset(rec->text, 'a' + (int)(index % 26), rec->len);
	rec->text[rec->len] = 0;
	__atomic_store_n(&rec->seq, index + 1, __ATOMIC_RELEASE);
}

static void log_text(struct session *s, u64 index, u64 seq, u32 level, u32 len, const char *text)
{
	struct session_log *rec = &s->logs[index];

	rec->seq = seq;
	rec->time = 1700000000123456789;
	rec->pid = 42;
	rec->level = level;
	rec->len = len;
	memcpy(rec->text, text, strlen(text));
}

static void fill_links(struct session *s)
{
	s->links[0] = (struct session_link){.state = SLOT_LIVE, .kind = LINK_ENTRY, .misses = 7, .sites = 2,
					    .tactic = TACTIC_JUMP | TACTIC_RETURN_A, .name = "funccount uprobe/libc:malloc"};
	s->links[1] = (struct session_link){.state = SLOT_CLAIMED, .name = "half made"};
	s->links[2] = (struct session_link){.state = SLOT_LIVE, .name = "alone", .refused = 3, .why = "it is \377 data"};
	s->links[SESSION_NLINKS - 1] = (struct session_link){.state = SLOT_LIVE, .kind = LINK_RETURN, .misses = ~0ul};
	memset(s->links[SESSION_NLINKS - 1].name, 'n', LINK_NAME_SIZE);
	s->links[SESSION_NLINKS - 1].name[5] = ' ';
	memset(s->links[SESSION_NLINKS - 1].why, 'w', LINK_WHY_SIZE);
	s->counters[0][0] = 1;
	s->counters[1][0] = 20;
	s->counters[SESSION_NLEASES - 1][0] = 300;
	s->counters[SESSION_NLEASES - 1][SESSION_NLINKS - 1] = 5;
}

static void fill_procs(struct session *s)
{
	s->procs[1] = (struct session_proc){.state = SLOT_LIVE, .pid = 10, .start = 11, .pidns = 12, .uid = 13, .comm = "server", .exe = "/bin/server"};
	s->procs[2] = (struct session_proc){.state = SLOT_CLAIMED, .pid = 20};
	s->procs[SESSION_NPROCS - 1] = (struct session_proc){.state = SLOT_LIVE, .pid = ~0u, .flags = PROC_FORKED | 0x80, .uid = ~0u};
	memset(s->procs[SESSION_NPROCS - 1].comm, 'c', 16);
	memset(s->procs[SESSION_NPROCS - 1].exe, 'e', PROC_EXE_SIZE);
}

static void fill(struct session *s)
{
	s->hdr.version = SESSION_VERSION;
	s->hdr.size = SESSION_SIZE;
	s->hdr.magic = SESSION_MAGIC;
	fill_links(s);
	fill_procs(s);
	s->hdr.log_head = 6;
	log_text(s, 0, 1, LEVEL_WARN, 5, "first, and more");
	log_text(s, 1, 0, LEVEL_WARN, 4, "this is being written");
	log_text(s, 2, 2, LEVEL_WARN, 4, "of another round");
	log_text(s, 3, 4, 77, 7, "new\377 leavel");
	log_text(s, 4, 5, LEVEL_ERROR, ~0u, "longer than it can be");
	log_text(s, 5, 6, LEVEL_OFF, 0, "");
	log_text(s, 6, 7, LEVEL_WARN, 4, "after the head");
}

/* The sum that abi.h describes, over bytes. */
static u64 sum_of(const struct session_trace *t, u64 seq)
{
	u32 end = TRACE_TEXT + (t->len < TRACE_TEXT_SIZE ? t->len : TRACE_TEXT_SIZE);
	u64 sum = seq, word;

	for (u32 at = TRACE_TIME; at < end; at += 8) {
		memcpy(&word, (const u8 *)t + at, 8);
		sum = (sum ^ word) * TRACE_SUM_FACTOR;
		sum ^= sum >> 32;
	}
	return sum;
}

static void trace_line(struct session *s, u64 number, u64 seq, u32 len, const char *text)
{
	struct session_trace *t = &s->traces[number % SESSION_NTRACES];

	*t = (struct session_trace){.seq = seq, .time = 1234567890123 + number, .tgid = 10, .pid = 11, .cpu = 3, .len = len, .comm = "worker"};
	memcpy(t->text, text, strlen(text));
	t->sum = sum_of(t, seq);
}

static void fill_traces(struct session *s)
{
	s->hdr.version = SESSION_VERSION;
	s->hdr.size = SESSION_SIZE;
	s->hdr.magic = SESSION_MAGIC;
	s->hdr.trace_head = 9;
	trace_line(s, 0, 1, 5, "first, and more");
	trace_line(s, 1, 2, 8, "newline\n");
	trace_line(s, 2, 0, 4, "this is being written");
	trace_line(s, 3, 4, 4, "torn");
	s->traces[3].time++;
	trace_line(s, 4, 5, 4, "its sum is another's");
	s->traces[4].sum = s->traces[3].sum;
	trace_line(s, 5, 6 + SESSION_NTRACES, 4, "overtaken");
	trace_line(s, 6, 7, ~0u, "longer than it can be");
	trace_line(s, 7, 8, 7, "a\377\nb\0c");
	memset(s->traces[7].comm, 'c', 16);
	s->traces[7].sum = sum_of(&s->traces[7], 8);
	trace_line(s, 8, 9, 0, "");
	trace_line(s, 9, 10, 4, "after the head");
}

static void run(struct session *s)
{
	struct pollfd in = {.fd = 0, .events = POLLIN};

	for (u64 i = 1; poll(&in, 1, 0) == 0; i++) {
		for (u32 lease = 0; lease < SESSION_NLEASES; lease += 37) {
			s->counters[lease][0]++;
			s->counters[lease][9] += 2;
		}
		__atomic_fetch_add(&s->links[0].sites, 1, __ATOMIC_RELAXED);
		log_number(s);
	}
}

int main(int argc, char **argv)
{
	int filling = argc == 3 && !strcmp(argv[1], "fill"), tracing = argc == 3 && !strcmp(argv[1], "trace");
	struct session *s = argc == 3 ? map_file(argv[2], filling || tracing ? O_CREAT | O_EXCL : 0) : 0;

	if (!s) {
		perror("write");
		return 1;
	}
	if (filling)
		fill(s);
	else if (tracing)
		fill_traces(s);
	else
		run(s);
	return 0;
}
