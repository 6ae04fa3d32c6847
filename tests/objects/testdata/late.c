/* A library that a program loads when it likes. */
long late(long i);

static volatile long calls;

long late(long i)
{
	calls = calls + 1;
	return i;
}

/* Probes are there before the constructors of a module run. */
__attribute__((constructor)) static void construct(void) { late(0); }
