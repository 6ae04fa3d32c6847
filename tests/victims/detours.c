// detours THREADS ROUNDS: calls the functions of detours.S from all threads and checks what they return; says so, and
// waits for the end of its input.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

long shorts(long), evicts(long), evicts_next(long), makes_room(long), puns(long, long), puns_too(long, long);

static long rounds;

static void *work(void *arg)
{
	(void)arg;
	for (long i = 0; i < rounds; i++) {
		long k = i % 7;
		if (shorts(k) != k + 1 || evicts(k) != ((k + 1 + 0x1234) ^ 0x5678) || evicts_next(i) != i ||
		    makes_room(i) != ((i * 945) ^ 0x5555) + 0x1111 || puns(i, k) != i + (k + 1) * 0xd03344 || puns_too(i, k) != i + (k + 1) * 0xc044)
			return "wrong";
	}
	return 0;
}

int main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[1]) : 0;
	pthread_t threads[16];
	void *wrong;
	char c;

	if (n < 1 || n > 16)
		return 2;
	rounds = atol(argv[2]);
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], 0, work, 0))
			return 3;
	for (int i = 0; i < n; i++)
		if (pthread_join(threads[i], &wrong) || wrong)
			return 4;
	if (write(1, "ready\n", 6) != 6)
		return 5;
	while (read(0, &c, 1) > 0)
		;
	return 23;
}
