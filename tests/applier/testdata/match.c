// Asks the gate's glance at a manifest, and its glob. Reads records from stdin: u8 kind, u32 and bytes, u32 and
// bytes. 'g': pattern, path: answers 1 or 0. 'm': manifest, path: answers 'N', 'Y' or '?', then 'a' or '-' for
// on_error: abort, then the session's name. One line each. Everything is in memory of just its size, for the sanitizer.
#include "agent.h"

#include <stdio.h>
#include <stdlib.h>

static char *text(u32 *n, int terminated)
{
	char *s;

	if (fread(n, 4, 1, stdin) != 1)
		exit(2);
	s = malloc(*n + (terminated ? 1 : 0));
	if (*n && fread(s, *n, 1, stdin) != 1)
		exit(2);
	if (terminated)
		s[*n] = 0;
	return s;
}

int main(void)
{
	int kind;

	while ((kind = getchar()) != EOF) {
		u32 n, m;
		char *a = text(&n, 0), *path = text(&m, 1);
		struct glance g;

		if (kind == 'g') {
			puts(exe_match(a, n, path) ? "1" : "0");
		} else {
			glance_at(a, n, path, &g);
			printf("%c%c%s\n", "NY?"[g.match], g.abort ? 'a' : '-', g.session);
		}
		free(a);
		free(path);
	}
	return 0;
}
