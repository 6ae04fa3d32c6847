/* What all programs of the benchmark are given, and how often each does what it is for: see sites.go. */
struct pt_regs {
	unsigned long r[21];
};

#define CALLS 32
