/*
 * The sampling method, shared by every C program of the benchmark.
 *
 * All variants of a table are timed in one process, one sample each per round, the order reversed every other round: what
 * drifts (clock, caches, neighbours) then drifts for all of them alike. Each sample stands between two runs of a reference
 * loop that feels a busy SMT sibling, a preemption or a lower clock. Whoever reads the samples calls one "quiet" when both
 * of its references are within QUIET of the best level seen. The programs print raw samples; the driver does the statistics.
 */
#ifndef BENCH_SAMPLE_H
#define BENCH_SAMPLE_H

#include <stdint.h>

/* A sample is quiet when its reference is at most this much above the best level. The driver has the same constant. */
#define QUIET 1.08

struct sampler {
	double best;      /* ns per reference iteration on a quiet core; sinks slowly, so that one outlier sets no standard */
	double wait_left; /* seconds that may still be spent waiting for a quiet core */
};

uint64_t now_ns(void);

/* Pins the process to one CPU and asks for priority. Priority is a wish: refused to an ordinary user, and then ignored. */
int pin(int cpu);

/* Learns the reference level. wait_seconds bounds all later waiting together. */
void sampler_init(struct sampler *s, double wait_seconds);

/* One run of the reference loop, in ns per iteration. */
double sampler_reference(struct sampler *s);

/* Returns when the core is quiet, or when the waiting time is used up. */
void sampler_wait(struct sampler *s);

/* The variant to run as the k-th of n in a round: forwards, then backwards. */
static inline int sampler_order(int round, int k, int n)
{
	return round & 1 ? n - 1 - k : k;
}

#endif
