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

#define NOINLINE __attribute__((noinline, noclone))

static long entered, returned;
static long rounds;
static jmp_buf out;

// What the probed function does besides adding one.
typedef long (*action)(long);

// Reads nothing above its frame.
extern "C" NOINLINE long return_a(action act, long x)
{
	volatile long keep = x;
	long r = act(keep);
	__asm__ volatile("" ::: "memory");
	return r + 1;
}

// Reads arguments on the stack.
extern "C" NOINLINE long return_b(action act, long x, long, long, long, long, long seventh, long eighth)
{
	long r = act(x);
	__asm__ volatile("" : "+m"(seventh) : : "memory");
	return r + seventh * eighth;
}

// Reads its return address, and ends in a ret with room before it.
extern "C" NOINLINE long return_c(action act, long x)
{
	void *volatile caller = __builtin_return_address(0);
	long r = act(x);
	return caller ? r + 1 : 0;
}

// Takes the address of its arguments on the stack, and may leave by a jump to who knows whom.
extern "C" long return_d(action act, long x, ...);
__asm__(".text\n.globl return_d\n.type return_d, @function\n.p2align 4\nreturn_d:\n"
	".cfi_startproc\n"
	"mov %rdi, %rdx\nmov %rsi, %rdi\n"
	"cmp $-1, %rdi\nje 1f\n"
	"push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_offset rbx, -16\n"
	"lea 16(%rsp), %rbx\n"
	"call *%rdx\n"
	"add 120(%rbx), %rax\n" // the sixteenth word
	"pop %rbx\n.cfi_adjust_cfa_offset -8\n.cfi_restore rbx\n"
	"ret\n"
	"1: jmp *%rdx\n"
	".cfi_endproc\n.size return_d, .-return_d\n.p2align 4\n");

static long call_a(action act, long x) { return return_a(act, x); }
static long call_b(action act, long x) { return return_b(act, x, 3, 4, 5, 6, -1, -1); }
static long call_c(action act, long x) { return return_c(act, x); }
static long call_d(action act, long x) { return return_d(act, x, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 1); }

static long (*probed)(action, long);

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
			enter(throws, i);
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

static const struct {
	const char *name;
	void (*run)();
} scenarios[] = {
	{ "caught_by_caller", caught_by_caller }, { "caught_further", caught_further },
	{ "caught_through_many", caught_through_many }, { "rethrown", rethrown }, { "caught_inside", caught_inside },
	{ "uncaught", uncaught }, { "walked", walked }, { "jumped", jumped }, { "coroutines", coroutines },
	{ "migrates", migrates }, { "cancelled", cancelled }, { "thread_exits", thread_exits }, { "deep", deep },
	{ "overflow", overflow }, { "forked_inside", forked_inside },
};

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		long (*call)(action, long);
	} functions[] = { { "return_a", call_a }, { "return_b", call_b }, { "return_c", call_c }, { "return_d", call_d } };

	if (argc != 4)
		return 2;
	rounds = atol(argv[2]);
	for (const auto &f : functions)
		if (!strcmp(argv[3], f.name))
			probed = f.call;
	if (!probed)
		return 2;
	for (const auto &s : scenarios)
		if (!strcmp(argv[1], s.name)) {
			s.run();
			printf("entered %ld returned %ld\n", entered, returned);
			return 0;
		}
	return 2;
}
