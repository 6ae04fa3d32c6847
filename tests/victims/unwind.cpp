// unwind SCENARIO N F: control leaves the probed function F in other ways than by a return, and is switched under it.
// Prints how often F was entered and how often it returned. F is the one of four whose return is probed by that tactic.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <string>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "returns.h"

static long entered, returned;
static long rounds;
static jmp_buf out;

static NOINLINE long enter(action act, long x)
{
	entered++;
	long r = probed(act, x);
	returned++;
	return r;
}

struct Guard {
	long *count;
	explicit Guard(long *c) : count(c) {}
	~Guard() { ++*count; }
};

static void expect(bool right, const char *what)
{
	if (right)
		return;
	printf("wrong: %s\n", what);
	_exit(98);
}

static long throws(long x) { throw std::string(100, static_cast<char>('a' + x % 26)); }
static long identity(long x) { return x; }

// The direct caller of the probed function catches.
static void caught_by_caller()
{
	for (long i = 0; i < rounds; i++) {
		try {
			entered++;
			probed_from_here(throws, i);
			expect(false, "no exception");
		} catch (const std::string &s) {
			expect(s.size() == 100 && s[0] == 'a' + i % 26, "exception");
		}
	}
}

static NOINLINE long caller_that_cleans(long i, long *cleaned)
{
	Guard guard(cleaned);
	return enter(throws, i) + 1;
}

static void caught_further()
{
	long cleaned = 0;
	for (long i = 0; i < rounds; i++) {
		try {
			caller_that_cleans(i, &cleaned);
			expect(false, "no exception");
		} catch (const std::string &s) {
			expect(s[0] == 'a' + i % 26, "exception");
		}
	}
	expect(cleaned == rounds, "destructors");
}

static long nested_throw(long x) { return x == 0 ? throws(x) : enter(nested_throw, x - 1); }

// Through ten frames of f at once.
static void caught_through_many()
{
	for (long i = 0; i < rounds; i++) {
		try {
			enter(nested_throw, 10);
			expect(false, "no exception");
		} catch (const std::string &) {
		}
	}
}

static long rethrows(long x)
{
	try {
		return throws(x);
	} catch (...) {
		throw;
	}
}

static void rethrown()
{
	for (long i = 0; i < rounds; i++) {
		try {
			enter(rethrows, i);
			expect(false, "no exception");
		} catch (const std::string &) {
		}
	}
}

static long catches(long x)
{
	try {
		return throws(x);
	} catch (const std::string &) {
		return x;
	}
}

static void caught_inside()
{
	for (long i = 0; i < rounds; i++)
		expect(enter(catches, i) == i + 1, "result");
}

static long never_caught(long)
{
	throw 5;
}

static void uncaught()
{
	fflush(stdout);
	enter(never_caught, 0);
}

static long walks(long)
{
	void *frame[64];
	int n = backtrace(frame, 64);
	for (int i = 0; i < n; i++) {
		Dl_info info;
		if (dladdr(frame[i], &info) && info.dli_sname && info.dli_fname && !strstr(info.dli_fname, "bpftime"))
			printf("%s ", info.dli_sname);
	}
	printf("\n");
	return 0;
}

// Named, and exported by -rdynamic, so that the walk shows them.
extern "C" NOINLINE long inner_caller(long x) { return enter(walks, x) + 1; }
extern "C" NOINLINE long outer_caller(long x) { return inner_caller(x) + 1; }

static void walked() { expect(outer_caller(1) == 3, "result"); }

static long jumps(long x) { longjmp(out, static_cast<int>(x % 100) + 1); }

static void jumped()
{
	for (volatile long i = 0; i < rounds; i++) {
		int got = setjmp(out);
		if (!got)
			enter(jumps, i);
		expect(got == i % 100 + 1, "longjmp");
	}
	for (long i = 0; i < rounds; i++)
		expect(enter(identity, i) == i + 1, "result after longjmp");
}

// Two coroutines, both inside f at the same time, each resumed by the other.
static ucontext_t main_context, coroutine[2];
static char coroutine_stack[2][65536];
static long coroutine_sum[2];

static long switches(long me)
{
	for (int i = 0; i < 10; i++)
		swapcontext(&coroutine[me], &coroutine[1 - me]);
	return me * 1000;
}

static void coroutine_body(int me)
{
	for (long i = 0; i < rounds; i++)
		coroutine_sum[me] += enter(switches, me);
	while (me == 0 && coroutine_sum[1] != rounds * 1001)
		swapcontext(&coroutine[0], &coroutine[1]);
}

static void coroutines()
{
	for (int me = 0; me < 2; me++) {
		getcontext(&coroutine[me]);
		coroutine[me].uc_stack.ss_sp = coroutine_stack[me];
		coroutine[me].uc_stack.ss_size = sizeof coroutine_stack[me];
		coroutine[me].uc_link = me ? &coroutine[0] : &main_context;
		makecontext(&coroutine[me], reinterpret_cast<void (*)()>(coroutine_body), 1, me);
	}
	swapcontext(&main_context, &coroutine[0]);
	expect(coroutine_sum[0] == rounds && coroutine_sum[1] == rounds * 1001, "coroutines");
}

// A coroutine that is inside f moves from one thread to another.
static ucontext_t traveller, back;

static long travels(long x)
{
	swapcontext(&traveller, &back);
	return x;
}

static void travel_body() { expect(enter(travels, 7) == 8, "result on the other thread"); }

static void *resume(void *)
{
	swapcontext(&back, &traveller);
	return nullptr;
}

static void migrates()
{
	for (long i = 0; i < rounds; i++) {
		pthread_t t;
		getcontext(&traveller);
		traveller.uc_stack.ss_sp = coroutine_stack[0];
		traveller.uc_stack.ss_size = sizeof coroutine_stack[0];
		traveller.uc_link = &back;
		makecontext(&traveller, travel_body, 0);
		swapcontext(&back, &traveller);
		pthread_create(&t, nullptr, resume, nullptr);
		pthread_join(t, nullptr);
	}
}

// Cancellation unwinds through f and runs the destructors and handlers above it.
static long cleanups;
static int never[2];

static long blocks(long x)
{
	char c;
	return x + read(never[0], &c, 1);
}

static void cleanup(void *) { cleanups++; }

static void *cancelled_thread(void *)
{
	pthread_cleanup_push(cleanup, nullptr);
	enter(blocks, 1);
	pthread_cleanup_pop(0);
	return nullptr;
}

static void cancelled()
{
	if (pipe(never))
		_exit(99);
	for (long i = 0; i < rounds; i++) {
		pthread_t t;
		void *how;
		pthread_create(&t, nullptr, cancelled_thread, nullptr);
		if (i % 2)
			usleep(500);
		pthread_cancel(t);
		pthread_join(t, &how);
		expect(how == PTHREAD_CANCELED, "cancelled");
	}
	expect(cleanups == rounds || cleanups == entered, "clean-up handlers");
	printf("cleanups match\n");
}

static long exits(long x) { pthread_exit(reinterpret_cast<void *>(x)); }

static void *exiting_thread(void *)
{
	long cleaned = 0;
	Guard guard(&cleaned);
	enter(exits, 9);
	return nullptr;
}

static void thread_exits()
{
	for (long i = 0; i < rounds; i++) {
		pthread_t t;
		void *how;
		pthread_create(&t, nullptr, exiting_thread, nullptr);
		pthread_join(t, &how);
		expect(how == reinterpret_cast<void *>(9), "pthread_exit");
	}
}

static long descends(long x) { return x == 0 ? 0 : enter(descends, x - 1); }

static void *deep_thread(void *)
{
	expect(enter(descends, 100000) == 100001, "depth");
	return nullptr;
}

static void deep()
{
	pthread_attr_t a;
	pthread_t t;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 256UL << 20);
	pthread_create(&t, &a, deep_thread, nullptr);
	pthread_join(t, nullptr);
}

// The stack overflows inside the stub or the function: the host's own handler on its alternate stack sees it.
static long for_ever(long x) { return enter(for_ever, x + 1); }

static void overflowed(int, siginfo_t *, void *) { _exit(55); }

static void overflow()
{
	stack_t st = {};
	struct sigaction act = {};
	st.ss_sp = malloc(65536);
	st.ss_size = 65536;
	sigaltstack(&st, nullptr);
	act.sa_sigaction = overflowed;
	act.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigaction(SIGSEGV, &act, nullptr);
	enter(for_ever, 0);
}

static long forks(long x)
{
	pid_t pid = fork();
	if (pid == 0)
		return x; // the child returns through f too
	int status;
	waitpid(pid, &status, 0);
	expect(status == 0, "child");
	return x;
}

static void forked_inside()
{
	pid_t self = getpid();
	expect(enter(forks, 4) == 5, "result");
	if (getpid() != self)
		_exit(0);
}

// Cancelled wherever it happens to be, in a stub or a thunk too.
static void *restless_thread(void *)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
	for (long i = 0;; i++)
		expect(probed(identity, i) == i + 1, "result");
}

static void cancelled_anywhere()
{
	for (long i = 0; i < rounds; i++) {
		pthread_t t;
		void *how;
		pthread_create(&t, nullptr, restless_thread, nullptr);
		usleep(static_cast<useconds_t>(i * 37 % 300));
		pthread_cancel(t);
		pthread_join(t, &how);
		expect(how == PTHREAD_CANCELED, "cancelled anywhere");
	}
}

// A child that shares all memory, and this stack, calls the same function before it is gone.
static long shares(long x)
{
	pid_t pid = vfork();
	if (pid == 0) {
		for (long i = 0; i < 10; i++)
			enter(identity, i);
		_exit(3);
	}
	int status;
	waitpid(pid, &status, 0);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 3, "child of vfork");
	return x;
}

static void vforked_inside()
{
	for (long i = 0; i < rounds; i++)
		expect(enter(shares, i) == i + 1, "result after vfork");
}

// Coroutines without a library: a stack that is a local array, above frames that are alive, and one behind it.
extern "C" void swap_stacks(void **save, void *load);
__asm__(".text\n.globl swap_stacks\n.type swap_stacks, @function\n.p2align 4\nswap_stacks:\n"
	".cfi_startproc\n"
	"push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
	"mov %rsp, (%rdi)\nmov %rsi, %rsp\n"
	"pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\n"
	"ret\n"
	".cfi_endproc\n.size swap_stacks, .-swap_stacks\n");

static void *inside, *outside;

static long yields(long x)
{
	swap_stacks(&inside, outside);
	return x;
}

static void by_hand_body()
{
	for (long i = 0;; i++)
		expect(enter(yields, i) == i + 1, "result of a coroutine");
}

static long resumes(long x)
{
	swap_stacks(&outside, inside);
	return x;
}

static void by_hand()
{
	alignas(16) char stack[32768];
	void **top = reinterpret_cast<void **>(stack + sizeof stack) - 8;
	top[6] = reinterpret_cast<void *>(by_hand_body);
	__asm__("" : "=r"(inside) : "0"(top)); // gcc need not know that this is a local array
	for (long i = 0; i < rounds; i++)
		expect(enter(resumes, i) == i + 1, "result of who resumes");
	returned += 0;
}

// Walks the stack from every instruction of a call; before it, a frame in the same place was left by longjmp.
static long lost, steps;

extern "C" NOINLINE void stepped_caller(long x)
{
	if (!setjmp(out))
		enter(jumps, x);
	__asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
	long r = enter(identity, x);
	__asm__ volatile("pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
	expect(r == x + 1, "result of what is stepped through");
}

static void step(int, siginfo_t *, void *context)
{
	void *frame[64];
	Dl_info info;
	void *ip = reinterpret_cast<void *>(static_cast<ucontext_t *>(context)->uc_mcontext.gregs[REG_RIP]);
	if (!dladdr(ip, &info) || !strstr(info.dli_fname, "libbpftime-agent"))
		return; // stubs have no unwind data, and are no file
	steps++;
	int found = 0, n = backtrace(frame, 64);
	for (int i = 0; i < n; i++)
		found |= dladdr(frame[i], &info) && info.dli_sname && !strcmp(info.dli_sname, "stepped_caller");
	lost += !found;
	if (!found && getenv("SHOW"))
		fprintf(stderr, "lost at %p\n", ip);
}

static void stepped()
{
	struct sigaction act = {};
	void *frame[4];
	backtrace(frame, 4); // loads libgcc
	act.sa_sigaction = step;
	act.sa_flags = SA_SIGINFO;
	sigaction(SIGTRAP, &act, nullptr);
	for (long i = 0; i < rounds; i++)
		stepped_caller(i);
	fprintf(stderr, "stepped\n");
	printf("lost %ld\n", lost);
	expect(steps == 0 || steps > 30 * rounds, "steps");
}

static const struct {
	const char *name;
	void (*run)();
} scenarios[] = {
	{ "caught_by_caller", caught_by_caller }, { "caught_further", caught_further },
	{ "caught_through_many", caught_through_many }, { "rethrown", rethrown }, { "caught_inside", caught_inside },
	{ "uncaught", uncaught }, { "walked", walked }, { "jumped", jumped }, { "coroutines", coroutines },
	{ "migrates", migrates }, { "cancelled", cancelled }, { "thread_exits", thread_exits }, { "deep", deep },
	{ "overflow", overflow }, { "forked_inside", forked_inside },
	{ "cancelled_anywhere", cancelled_anywhere }, { "vforked_inside", vforked_inside }, { "by_hand", by_hand },
	{ "stepped", stepped },
};

int main(int argc, char **argv)
{
	if (argc != 4 || !choose(argv[3]))
		return 2;
	rounds = atol(argv[2]);
	for (const auto &s : scenarios)
		if (!strcmp(argv[1], s.name)) {
			s.run();
			printf("entered %ld returned %ld\n", entered, returned);
			return 0;
		}
	return 2;
}
