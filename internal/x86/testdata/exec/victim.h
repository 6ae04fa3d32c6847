#include <stdint.h>

typedef uint64_t victim(uint64_t a, uint64_t b);

/* A victim is called with many arguments before and after it is patched. */
struct named_victim {
	const char *name;
	victim *run;
};
extern const struct named_victim victims[]; /* ends with a null name */
