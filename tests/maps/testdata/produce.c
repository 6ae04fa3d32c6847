/* Producers of a ring: each thread has a lease of its own.
 *
 *   produce SESSION RING LEASE THREADS RECORDS MOST
 *
 * A record is {u32 lease, u32 number, u32 length of the rest} and a rest of up to MOST
 * bytes, each of which follows from number and place. Every fifth is discarded, and
 * every other one is reserved and submitted, the rest output at once. Prints for each thread
 * "LEASE SENT DROPPED", or with RECORDS = 0 runs until it is killed. */
#include <pthread.h>

#include "host.h"

struct record {
	u32 lease, number, n;
	u8 rest[8192];
};

static struct map_header *ring;
static u32 nrecords, most;

static u64 fill(struct record *r, u32 lease, u32 number)
{
	r->lease = lease;
	r->number = number;
	r->n = (number * 2654435761u >> 8) % (most + 1);
	for (u32 i = 0; i < r->n; i++)
		r->rest[i] = (u8)(number + i * 3);
	return offsetof(struct record, rest) + r->n;
}

/* 1: sent; 0: dropped; -1: discarded */
static int produce(struct caller *c, struct record *r, u32 lease, u32 number)
{
	u64 size = fill(r, lease, number), ctx = context(c), at;

	new_run(c);
	if (number % 5 && number % 2)
		return !bpftime_ringbuf_output((u64)ring, (u64)r, size, 0, 0, ctx);
	at = bpftime_ringbuf_reserve((u64)ring, size, 0, 0, 0, ctx);
	if (!at)
		return 0;
	memcpy((void *)at, r, size);
	if (number % 5)
		bpftime_ringbuf_submit(at, 0, 0, 0, 0, ctx);
	else
		bpftime_ringbuf_discard(at, 0, 0, 0, 0, ctx);
	return number % 5 ? 1 : -1;
}

static void *thread(void *arg)
{
	u32 lease = (u32)(u64)arg, sent = 0, dropped = 0;
	struct caller c;
	struct record r;

	caller_init(&c, lease, lease % 7);
	for (u32 i = 1; !nrecords || i <= nrecords; i++) {
		int did = produce(&c, &r, lease, i);

		sent += did == 1;
		dropped += !did;
		if (!did)
			usleep(100);
	}
	flockfile(stdout);
	printf("%u %u %u\n", lease, sent, dropped);
	funlockfile(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	u32 lease = argc == 7 ? (u32)atoi(argv[3]) : 0, n = argc == 7 ? (u32)atoi(argv[4]) : 0;
	pthread_t threads[64];

	if (!n || n > 64)
		return 2;
	session_open(argv[1], 1);
	ring = map_open(argv[2]);
	nrecords = (u32)atoi(argv[5]), most = (u32)atoi(argv[6]);
	if (!ring || most > sizeof((struct record *)0)->rest)
		return 3;
	for (u64 i = 0; i < n; i++)
		if (pthread_create(&threads[i], 0, thread, (void *)(lease + i)))
			die("pthread_create");
	for (u32 i = 0; i < n; i++)
		pthread_join(threads[i], 0);
	return 0;
}
