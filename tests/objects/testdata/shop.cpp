// Names of C++: a method with a long one, an overloaded function, an exception on its way through a probed one.
#include <cstdio>
#include <stdexcept>
#include <string>

#define PROBED __attribute__((noipa))

namespace shop {

struct cart {
	int n = 0;
	PROBED int put(const std::string &what, int count);
};

int cart::put(const std::string &what, int count)
{
	if (count < 0)
		throw std::runtime_error(what);
	return n += count;
}

PROBED int total(int a) { return 3 * a + 1; }
PROBED int total(double a) { return 3 * a + 2; }

} // namespace shop

int main()
{
	shop::cart cart;
	int sum = 0;

	for (int i = 0; i < 5; i++)
		sum += cart.put("apple", i);
	try {
		cart.put("a pear that is not there", -1);
	} catch (const std::exception &e) {
		std::puts(e.what());
	}
	std::printf("%d\n", sum + shop::total(1) + shop::total(2.0));
	return 23;
}
