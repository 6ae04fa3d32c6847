// C++20 coroutines: frames on the heap, resumed from other stacks and threads than
// those they began on, ended early, and left by exceptions.
#include <coroutine>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <thread>

struct generator {
	struct promise_type {
		long value = 0;
		std::exception_ptr error;
		generator get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
		std::suspend_always initial_suspend() noexcept { return {}; }
		std::suspend_always final_suspend() noexcept { return {}; }
		std::suspend_always yield_value(long v)
		{
			value = v;
			return {};
		}
		void return_void() {}
		void unhandled_exception() { error = std::current_exception(); }
	};
	std::coroutine_handle<promise_type> handle;

	bool next()
	{
		handle.resume();
		if (handle.promise().error)
			std::rethrow_exception(handle.promise().error);
		return !handle.done();
	}
	long value() const { return handle.promise().value; }
};

static generator count(long n)
{
	for (long i = 0; i < n; i++)
		co_yield i;
}

static generator squares(long n)
{
	generator inner = count(n);
	while (inner.next())
		co_yield inner.value() * inner.value();
	inner.handle.destroy();
}

static generator fails(long after)
{
	generator inner = count(after);
	while (inner.next())
		co_yield inner.value();
	inner.handle.destroy();
	throw std::runtime_error("enough");
}

static long sum(generator g, long most)
{
	long s = 0;
	while (most-- && g.next())
		s += g.value();
	g.handle.destroy();
	return s;
}

int main()
{
	std::printf("%ld %ld\n", sum(count(1000), 1 << 20), sum(squares(1000), 1 << 20));
	std::printf("%ld\n", sum(squares(1000), 10));
	generator moved = squares(100);
	long s = 0;
	for (int i = 0; i < 10; i++) {
		std::thread t([&] {
			for (int k = 0; k < 10 && moved.next(); k++)
				s += moved.value();
		});
		t.join();
	}
	moved.handle.destroy();
	std::printf("%ld\n", s);
	generator f = fails(5);
	try {
		while (f.next())
			s++;
	} catch (const std::runtime_error &e) {
		std::printf("%ld %s\n", s, e.what());
	}
	f.handle.destroy();
	return 0;
}
