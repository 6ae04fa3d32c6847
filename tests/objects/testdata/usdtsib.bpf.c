/* The same, with the newer layout of descriptions. */
#define WITH_SIB
#include "usdt.bpf.c"
