// A program that throws: an int for every tenth number, and a std::runtime_error for the others, which is caught, thrown
// again and caught once more.
#include <cstdio>
#include <stdexcept>

static void work(int n)
{
	if (n % 10 == 0)
		throw n;
	try {
		throw std::runtime_error("no");
	} catch (std::runtime_error &) {
		throw;
	}
}

int main()
{
	int caught = 0;

	for (int n = 0; n < 100; n++) {
		try {
			work(n);
		} catch (int) {
			caught++;
		} catch (std::exception &) {
			caught++;
		}
	}
	std::printf("caught %d\n", caught);
}
