/* What a preloaded library costs that has nothing to do and nothing in it. */
extern int bench_empty;
int bench_empty;
