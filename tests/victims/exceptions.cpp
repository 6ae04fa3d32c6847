// exceptions FUNCTION ROUNDS: throws in every way through frames of FUNCTION (see returns.h), and uses much of libstdc++ besides.
// Prints what came of it, the same in every run.
#include <algorithm>
#include <numeric>
#include <any>
#include <atomic>
#include <chrono>
#include <cxxabi.h>
#include <exception>
#include <execinfo.h>
#include <filesystem>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <list>
#include <locale>
#include <map>
#include <memory>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <unwind.h>
#include <unordered_map>
#include <vector>

#include "returns.h"

extern "C" long through_c(long (*act)(long), long x);

static long rounds;
static thread_local long cleaned;

struct Guard {
	~Guard() { cleaned++; }
};

static NOINLINE long enter(action act, long x)
{
	Guard guard;
	return probed(act, x) + 1;
}

static void expect(bool right, const char *what)
{
	if (right)
		return;
	std::printf("wrong: %s\n", what);
	std::fflush(stdout);
	_exit(98);
}

static long throws(long x)
{
	switch (x % 4) {
	case 0:
		throw std::runtime_error("runtime " + std::to_string(x));
	case 1:
		throw x;
	case 2:
		throw std::string(100, 'x');
	}
	std::vector<long> none;
	return none.at(static_cast<size_t>(x)); // thrown by libstdc++
}

// What throws(x) threw, as caught here.
template <typename F> static std::string caught(F f)
{
	try {
		f();
		return "nothing";
	} catch (const std::runtime_error &e) {
		return e.what();
	} catch (const std::exception &e) {
		return typeid(e).name();
	} catch (long n) {
		return "long " + std::to_string(n);
	} catch (const std::string &s) {
		return "string of " + std::to_string(s.size());
	} catch (...) {
		return "foreign";
	}
}

static void direct()
{
	for (long i = 0; i < rounds; i++) {
		std::string got = caught([&] {
			try {
				probed_from_here(throws, i);
			} catch (const std::bad_alloc &) {
				std::printf("not this one\n");
			} catch (...) {
				throw;
			}
		});
		if (i < 4)
			std::printf("direct: %s\n", got.c_str());
	}
}

static void further()
{
	cleaned = 0;
	for (long i = 0; i < rounds; i++)
		expect(caught([&] { enter(throws, i); }) != "nothing", "further");
	std::printf("further: %ld cleaned\n", cleaned);
}

static long descends(long x) { return x < 8 ? throws(x) : enter(descends, x - 8); }

static void deeper()
{
	cleaned = 0;
	for (long i = 0; i < rounds; i++)
		expect(caught([&] { enter(descends, 80 + i % 8); }) != "nothing", "deeper");
	std::printf("deeper: %ld cleaned\n", cleaned);
}

static long rethrows(long x)
{
	try {
		return enter(throws, x);
	} catch (...) {
		throw;
	}
}

static void rethrown()
{
	for (long i = 0; i < rounds; i++)
		expect(caught([&] { enter(rethrows, i); }) == caught([&] { throws(i); }), "rethrown");
	std::printf("rethrown\n");
}

// An exception while another one is handled, and one that carries another.
static long nests(long x)
{
	try {
		return enter(throws, x);
	} catch (...) {
		expect(caught([&] { enter(throws, x + 1); }) != "nothing", "inner");
		std::throw_with_nested(std::logic_error("outer"));
	}
}

static void nested()
{
	long inner = 0;
	for (long i = 0; i < rounds; i++) {
		try {
			enter(nests, i);
		} catch (const std::exception &e) {
			inner += caught([&] { std::rethrow_if_nested(e); }) != "nothing";
		}
	}
	std::printf("nested: %ld\n", inner);
}

struct Thrower {
	long x;
	~Thrower() noexcept(false) { enter(throws, x); }
};

static long destroys(long x)
{
	Thrower t{ x };
	return t.x;
}

// A destructor that runs because of an exception throws one and catches it.
struct Careful {
	~Careful() { expect(caught([] { enter(throws, 1); }) == "long 1", "in a destructor"); }
};

static long unwinds(long x)
{
	Careful careful;
	return enter(throws, x);
}

static void destructors()
{
	for (long i = 0; i < rounds; i++) {
		expect(caught([&] { enter(destroys, i); }) != "nothing", "from a destructor");
		expect(caught([&] { enter(unwinds, i); }) != "nothing", "through a destructor");
	}
	std::printf("destructors\n");
}

// How a child ends that runs f.
static int ends(void (*f)())
{
	std::fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		std::set_terminate([] { _exit(std::current_exception() ? 41 : 42); });
		f();
		_exit(0);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void stops_here() noexcept { enter(throws, 1); }

static void throws_twice()
{
	struct Again {
		~Again() { enter(throws, 1); }
	} again;
	enter(throws, 0);
}

static void not_caught() { enter(throws, 2); }

static void terminated()
{
	std::printf("terminated: noexcept %d", ends(stops_here));
	std::printf(" twice %d", ends([] {
		try {
			throws_twice();
		} catch (...) {
		}
	}));
	std::printf(" uncaught %d\n", ends(not_caught));
}

static void through_a_c_frame()
{
	static auto inner = [](long x) { return enter(throws, x); };
	for (long i = 0; i < rounds; i++)
		expect(caught([&] { enter([](long x) { return through_c(inner, x); }, i); }) != "nothing", "through C");
	int numbers[] = { 3, 1, 2 };
	std::string got = caught([&] {
		qsort(numbers, 3, sizeof *numbers, [](const void *, const void *) { return static_cast<int>(enter(throws, 1)); });
	});
	std::printf("C: %s\n", got.c_str());
}

static long deleted;

static long foreign(long)
{
	auto *e = new _Unwind_Exception();
	memcpy(&e->exception_class, "ELSEMINE", 8);
	e->exception_cleanup = [](_Unwind_Reason_Code, _Unwind_Exception *gone) {
		deleted++;
		delete gone;
	};
	_Unwind_RaiseException(e);
	return 0;
}

static void strangers()
{
	for (long i = 0; i < rounds; i++)
		expect(caught([&] { enter(foreign, i); }) == "foreign", "foreign");
	std::printf("foreign: %ld\n", deleted);
}

static void many_threads()
{
	std::atomic<long> count{ 0 };
	std::vector<std::thread> threads;
	for (int n = 0; n < 8; n++)
		threads.emplace_back([&, n] {
			for (long i = 0; i < rounds; i++)
				count += caught([&] { enter(descends, 8 * (i % 5) + n % 4); }) == caught([&] { throws(n % 4); });
		});
	for (auto &t : threads)
		t.join();
	std::printf("threads: %ld\n", count.load());
}

static void across_threads()
{
	long right = 0;
	for (long i = 0; i < rounds && i < 50; i++) {
		auto f = std::async(std::launch::async, [i] { return enter(throws, i); });
		right += caught([&] { f.get(); }) == caught([&] { throws(i); });
	}
	std::printf("future: %ld\n", right);
}

static long counts(long)
{
	void *frame[64];
	return backtrace(frame, 64);
}

// Much of a library, in little code.
static long library(long x)
{
	std::ostringstream out;
	std::map<std::string, std::vector<long>> index;
	std::mt19937_64 random(static_cast<unsigned long>(x));
	for (int i = 0; i < 100; i++)
		index[std::to_string(random() % 17)].push_back(static_cast<long>(random() % 1000));
	for (auto &[key, list] : index) {
		std::sort(list.begin(), list.end());
		out << std::setw(4) << key << ':' << std::hex << std::accumulate(list.begin(), list.end(), 0L) << std::dec << ' ';
	}
	std::regex word("([0-9a-f]+):([0-9a-f]+)");
	std::string text = out.str();
	long sum = std::distance(std::sregex_iterator(text.begin(), text.end(), word), std::sregex_iterator());
	std::istringstream in("12 0x1f 3.25 word");
	std::string last;
	double real = 0;
	long n = 0, m = 0;
	in >> n >> std::hex >> m;
	in.clear();
	in >> std::dec >> real >> last;
	std::list<std::any> mixed{ 1, std::string("two"), 3.0 };
	std::function<long(long)> f = [&](long v) { return v + static_cast<long>(mixed.size()); };
	std::unordered_map<std::string, std::shared_ptr<long>> shared;
	for (int i = 0; i < 50; i++)
		shared[std::string(static_cast<size_t>(i), 'k')] = std::make_shared<long>(f(i));
	out.exceptions(std::ios::badbit | std::ios::failbit);
	sum += caught([&] { out.setstate(std::ios::failbit); }).size() > 0;
	sum += caught([&] { std::stoi("none"); }).size() > 0;
	sum += caught([&] { std::any_cast<int>(mixed.back()); }).size() > 0;
	sum += caught([&] { std::locale("no such place"); }).size() > 0;
	sum += caught([&] { std::filesystem::directory_iterator("/nowhere"); }).size() > 0;
	sum += caught([&] { std::regex("("); }).size() > 0;
	sum += caught([&] { delete[] new char[static_cast<size_t>(-1) / 4 + static_cast<size_t>(x)]; }).size() > 0;
	int status = 0;
	char *name = abi::__cxa_demangle("_ZNSt6vectorIiSaIiEE9push_backERKi", nullptr, nullptr, &status);
	sum += status == 0 ? static_cast<long>(strlen(name)) : 0;
	free(name);
	return sum + static_cast<long>(text.size() + shared.size() + last.size());
}

int main(int argc, char **argv)
{
	if (argc != 3 || !choose(argv[1]))
		return 2;
	rounds = atol(argv[2]);
	direct();
	further();
	deeper();
	rethrown();
	nested();
	destructors();
	terminated();
	through_a_c_frame();
	strangers();
	many_threads();
	across_threads();
	std::printf("backtrace: %s\n", enter(counts, 0) > 4 ? "deep" : "short");
	std::printf("library: %ld\n", enter(library, 7));
	std::cout << "done" << std::endl;
	return 0;
}
