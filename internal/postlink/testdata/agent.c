/* What a host can see of the fake agent: which constructors ran, which tables are
 * relocated. run_compiler does what preload/compiler.c does in its own process. */
#include "../../../preload/agent.h"

extern char *in_data_rel_ro[2] HIDDEN, *in_go_module[2] HIDDEN, *in_noptrdata[2] HIDDEN, *in_data[2] HIDDEN, *in_kept[2] HIDDEN;
char target[2] HIDDEN;

int constructed, started; /* how often */

HIDDEN void constructor(void) { constructed++; }
HIDDEN void go_runtime(void) { started++; }

static int relocated(char **table) { return table[0] == target && table[1] == target + 1; }

int relocated_tables(void)
{
	return relocated(in_data_rel_ro) | relocated(in_go_module) << 1 | relocated(in_noptrdata) << 2 |
	       relocated(in_data) << 3 | relocated(in_kept) << 4;
}

void run_compiler(void)
{
	go_start start = deferred_start();

	apply_deferred();
	if (start)
		start(0, 0, 0);
}
