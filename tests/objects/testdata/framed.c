/* Calls deep from several places and depths; its frames can be walked by rbp, and its addresses are fixed. */
#define FRAMED __attribute__((noipa, optimize("no-omit-frame-pointer", "no-optimize-sibling-calls")))

FRAMED int leaf(int n) { return n + 1; }

/* No leaf: those have no frame. */
FRAMED int deep(int n) { return leaf(n) + leaf(2 * n); }

FRAMED int left(int n) { return n ? left(n - 1) + 1 : deep(1); }

FRAMED int right(int n) { return n ? left(n - 1) + 2 : deep(2); }

FRAMED int main(void)
{
	int sum = 0;

	for (int round = 0; round < 3; round++)
		for (int n = 0; n < 24; n++)
			sum += left(n) + right(n);
	return sum & 1;
}
