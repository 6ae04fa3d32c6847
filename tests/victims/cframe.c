// A frame of C that calls back into C++ code which throws.
long through_c(long (*act)(long), long x);

long through_c(long (*act)(long), long x)
{
	volatile long keep = x;

	return act(keep) + 1;
}
