// identity SCENARIO: who runs the program, in threads, children, other users and under other names.
#include "harness.h"
#include "signals.h"

#include <spawn.h>
#include <sys/stat.h>

static u64 truth(void) { return (u64)getpid() << 32 | (u32)syscall(SYS_gettid); }
static u64 said(void) { return call(GET_CURRENT_PID_TGID); }

#define same(...) \
	do { \
		u64 said_ = said(), truth_ = truth(); \
		check(said_ == truth_, "it says %#lx, and is %#lx: " __VA_ARGS__, said_, truth_); \
	} while (0)

// As if this thread, or this process since it was forked, had not asked yet.
static void forget(void) { bpftime_self.pid_tgid = 0; }
static void forget_process(void) { bpftime_private.pid = 0; }

static void twice(void)
{
	same("first");
	same("again");
}

static void new_thread(void)
{
	check(!bpftime_self.pid_tgid, "a thread begins with %#lx", bpftime_self.pid_tgid);
	twice();
}

static void threads(void)
{
	for (int i = 0; i < 20; i++) {
		in_thread(new_thread, 0);
		in_thread(new_thread, 16384);
		twice();
	}
}

static void child(void)
{
	check(!bpftime_private.pid, "fork does not wipe");
	twice();
	threads();
	in_child(twice);
}

// Another thread of the child asks first.
static void child_by_thread(void)
{
	in_thread(new_thread, 0);
	twice();
}

static void grandchild(void) { in_child(child); }

static void forking_thread(void)
{
	twice();
	in_child(child);
	in_child(child_by_thread);
	in_child(grandchild);
	forget();
	in_child(child);
	in_child(child_by_thread);
	in_child(grandchild);
}

static void forks(void)
{
	forking_thread();
	in_thread(forking_thread, 0);
}

// A fork that the libc knows nothing of: what it noted of this thread is its parent's.
static void raw_fork(void (*f)(void))
{
	int status;
	pid_t pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		f();
		_exit(0);
	}
	need(pid > 0 && waitpid(pid, &status, 0) == pid, "clone");
	check(!status, "a child ended with %#x", status);
}

static void raw_grandchild(void) { raw_fork(twice); }

// The child knows its pid by a thread of its own, and the kernel's word for its pair is no word of the libc's.
static void raw_grandchild_by_thread(void)
{
	in_thread(new_thread, 0);
	twice();
	raw_fork(twice);
	in_child(twice);
}

static void raw_forks(void)
{
	twice();
	raw_fork(twice);
	raw_fork(child_by_thread);
	raw_fork(raw_grandchild);
	raw_fork(raw_grandchild_by_thread);
	forget();
	raw_fork(twice);
	raw_fork(raw_grandchild);
}

// A child on our memory may get our pair or its own, but must not spoil ours.
static u64 parent;

static void shared(const char *what)
{
	u64 now = said();
	check(now == parent || now == truth(), "%s: %#lx, the parent is %#lx and it is %#lx", what, now, parent, truth());
}

static int clone_vm(void *unused)
{
	(void)unused;
	shared("clone");
	return 0;
}

static void share_memory(void)
{
	static char stack[65536];
	int status;
	pid_t pid;
	parent = truth();
	pid = vfork();
	if (!pid) {
		shared("vfork");
		_exit(0);
	}
	need(waitpid(pid, &status, 0) == pid, "vfork");
	same("after vfork");
	forget();
	pid = clone(clone_vm, stack + sizeof stack, CLONE_VM | SIGCHLD, 0);
	need(waitpid(pid, &status, 0) == pid, "clone");
	same("after clone");
	forget();
}

static void vforks(void)
{
	twice();
	share_memory();
	forget();
	share_memory();
	in_child(share_memory);
	forget();
	in_child(share_memory);
	forget();
	forget_process();
	share_memory();
	raw_fork(share_memory);
}

// A libc whose TCB is not known.
static void unknown_libc(void)
{
	bpftime_resident.tid_offset = 0;
	twice();
	threads();
	in_child(twice);
	in_child(child_by_thread);
	raw_forks();
	vforks();
}

static void namespace_of(void)
{
	struct stat st;
	u32 info[2] = {1, 1};
	need(!stat("/proc/self/ns/pid", &st), "/proc/self/ns/pid");
	check(!call(GET_NS_CURRENT_PID_TGID, st.st_dev, st.st_ino, info, 8), "our own");
	check(info[0] == (u32)syscall(SYS_gettid) && info[1] == (u32)getpid(), "%u %u", info[0], info[1]);
	for (int i = 0; i < 4; i++) {
		u64 dev = st.st_dev + (i == 0), ino = i == 3 ? 0 : st.st_ino + (i == 1), size = i == 2 ? 4 : 8;
		info[0] = info[1] = 1;
		check(call(GET_NS_CURRENT_PID_TGID, dev, ino, info, size) == (u64)-EINVAL, "case %d", i);
		check(!info[0] && info[1] == (size == 4), "case %d: %u %u", i, info[0], info[1]);
	}
}

static void in_namespace(void)
{
	namespace_of();
	in_thread(namespace_of, 0);
}

// ---- users ----

#define same_user() \
	do { \
		u64 r_ = call(GET_CURRENT_UID_GID); \
		check(r_ == ((u64)getgid() << 32 | getuid()), "%#lx, and is uid %u gid %u", r_, getuid(), getgid()); \
	} while (0)

static void as_another(void)
{
	same_user();
	need(!syscall(SYS_setresgid, 4242, 4243, 0) && !syscall(SYS_setresuid, 4244, 4245, 0), "setresuid"); // of this thread alone
	same_user();
	check(call(GET_CURRENT_UID_GID) == (4242ul << 32 | 4244), "%#lx, want the real ones", call(GET_CURRENT_UID_GID));
}

static void as_user(void) { same_user(); }

static void drop(void)
{
	need(!setgid(65534) && !setuid(65534), "setuid");
	same_user();
	in_thread(as_user, 0);
}

static void users(void)
{
	same_user();
	if (getuid())
		return;
	in_thread(as_another, 0);
	same_user();
	in_child(drop);
}

// ---- names ----

static void named(const char *want)
{
	static const u64 sizes[] = {1, 2, 8, 15, 16, 17, 64};
	for (u64 i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char buf[80], name[80] = {0};
		u64 n = sizes[i];
		memset(buf, 0xee, sizeof buf);
		memset(name + n, 0xee, sizeof name - n);
		strncpy(name, want, n < 16 ? n - 1 : 15);
		check(!call(GET_CURRENT_COMM, buf, n), "%s, %lu bytes", want, n);
		check(!memcmp(buf, name, sizeof buf), "%lu bytes of %s: %.16s", n, want, buf);
	}
	check(call(GET_CURRENT_COMM, 0, 0) == (u64)-EINVAL, "no room");
}

static long prctl_seen(long option, const char *name)
{
	struct syscall_regs r = {SYS_prctl, {option, (u64)name}, 0};
	return bpftime_signal_call(&r);
}

static void rename_self(const char *name)
{
	need(!(bpftime_resident.names ? prctl_seen(PR_SET_NAME, name) : prctl(PR_SET_NAME, name)), "PR_SET_NAME");
	named(name);
}

static void named_thread(void)
{
	named("parent");
	rename_self("thread");
}

static pthread_barrier_t barrier;

static void renamed_by_others(void)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	named("by another");
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	named("by a file");
}

static void rename_other(void)
{
	char path[64];
	pthread_t t;
	pthread_barrier_init(&barrier, 0, 2);
	need(!pthread_create(&t, 0, (void *(*)(void *))renamed_by_others, 0), "pthread_create");
	pthread_barrier_wait(&barrier);
	need(!pthread_setname_np(t, "by another"), "pthread_setname_np");
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	snprintf(path, sizeof path, "/proc/self/task/%d/comm", *(pid_t *)((char *)t + bpftime_resident.tid_offset));
	int fd = open(path, O_WRONLY);
	need(fd >= 0 && write(fd, "by a file", 9) == 9, path);
	pthread_barrier_wait(&barrier);
	pthread_join(t, 0);
}

static void named_child(void)
{
	named("parent");
	rename_self("child");
}

// prctl comes by: what a thread calls itself is seen at once, what others call it at the next tick of the clock.
// The page that the vDSO has its times from.
static u64 vvar(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	u64 at = 0;
	while (!at && fgets(line, sizeof line, maps))
		if (strstr(line, "[vvar]"))
			at = strtoull(line, 0, 16);
	fclose(maps);
	return at;
}

// The words that say which tick it is are the coarse clock's, as it goes on.
static void coarse_clock(void)
{
	const volatile u64 *words = vdso_coarse(vvar());
	check(words, "the coarse clock is not found");
	for (int i = 0; words && i < 100; i++) {
		u64 before = call(KTIME_GET_COARSE_NS), now = words[0] * 1000000000 + words[1], after = call(KTIME_GET_COARSE_NS);
		check(before <= now && now <= after, "%lu is not between %lu and %lu", now, before, after);
		usleep(1000);
	}
	bpftime_resident.coarse = words;
}

static void keep_names(void)
{
	for (int i = 0; i < 20; i++) {
		char text[16];
		snprintf(text, sizeof text, "name %d", i);
		need(!prctl_seen(PR_SET_NAME, text), "PR_SET_NAME");
		named(text);
		named(text);
		need(!prctl(PR_SET_NAME, "by somebody"), "PR_SET_NAME");
		usleep(25000); // longer than a tick
		named("by somebody");
	}
	need(!prctl_seen(PR_SET_NAME, "parent"), "PR_SET_NAME");
	in_child(named_child);
	in_thread(named_thread, 0);
	named("parent");
	check(bpftime_self.named, "no name is kept");
	bpftime_self.named = 0;
	call_borrowed = 1;
	named("parent");
	check(!bpftime_self.named, "a borrower keeps a name");
	call_borrowed = 0;
}

static void kept_names(void)
{
	bpftime_resident.names = 1;
	keep_names();
	coarse_clock();
	keep_names();
}

static void names(void)
{
	rename_self("");
	rename_self("a");
	rename_self("exactly fifteen");
	rename_self("longer than fifteen");
	rename_self("parent");
	in_thread(named_thread, 0);
	in_child(named_child);
	rename_other();
	named("parent");
}

// ---- tasks ----

static u64 member(u64 task, u32 at)
{
	return at < TASK_REAL_PARENT ? *(u32 *)(task + at) : *(u64 *)(task + at);
}

static void right_task(void)
{
	u64 t = call(GET_CURRENT_TASK), leader = member(t, TASK_GROUP_LEADER), parent = member(t, TASK_REAL_PARENT);
	char name[16] = {0};
	prctl(PR_GET_NAME, name);
	check(call(GET_CURRENT_TASK_BTF) == t, "two tasks");
	check(member(t, TASK_PID) == (u32)syscall(SYS_gettid) && member(t, TASK_TGID) == (u32)syscall(SYS_getpid), "%lu of %lu", member(t, TASK_PID), member(t, TASK_TGID));
	check(!memcmp((char *)t + TASK_COMM, name, 16), "%.16s, is %s", (char *)t + TASK_COMM, name);
	check(member(leader, TASK_PID) == (u32)syscall(SYS_getpid) && member(leader, TASK_TGID) == (u32)syscall(SYS_getpid), "leader %lu", member(leader, TASK_PID));
	check((leader == t) == (syscall(SYS_gettid) == syscall(SYS_getpid)) && member(leader, TASK_GROUP_LEADER) == leader, "leader");
	check(member(parent, TASK_TGID) == (u32)syscall(SYS_getppid) && member(t, TASK_PARENT) == parent, "parent %lu", member(parent, TASK_TGID));
	check(member(parent, TASK_PARENT) == parent && member(parent, TASK_GROUP_LEADER) == parent, "the parent's parent");
}

static void tasks(void)
{
	right_task();
	in_thread(right_task, 16384);
	in_child(right_task);
	need(!prctl(PR_SET_NAME, "another"), "PR_SET_NAME");
	right_task();
	call_borrowed = 1;
	right_task();
}

static volatile int came, came_code, came_pid, came_to;

static void on_signal(int sig, siginfo_t *info, void *unused)
{
	(void)unused;
	came = sig;
	came_code = info->si_code;
	came_pid = info->si_pid;
	came_to = gettid();
}

static void sent_to_thread(void)
{
	for (int i = 0; i < 20; i++) {
		came = 0;
		check(!call(SEND_SIGNAL_THREAD, SIGUSR2), "to the thread");
		check(came == SIGUSR2 && came_code == SI_KERNEL && came_to == gettid(), "signal %d, code %d, to %d", came, came_code, came_to);
	}
}

// Alone, and in a thread beside another that would take them.
static void signals(void)
{
	struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	need(!sigaction(SIGUSR1, &a, 0) && !sigaction(SIGUSR2, &a, 0) && !sigaction(SIGSEGV, &a, 0), "sigaction");
	check(!call(SEND_SIGNAL, SIGUSR1) && came == SIGUSR1 && came_code == SI_KERNEL && !came_pid, "signal %d, code %d", came, came_code);
	sent_to_thread();
	in_thread(sent_to_thread, 0);
	came = 0;
	check(!call(SEND_SIGNAL, 0) && !call(SEND_SIGNAL_THREAD, 0) && !came, "no signal");
	check(call(SEND_SIGNAL, 65) == (u64)-EINVAL && call(SEND_SIGNAL_THREAD, -1) == (u64)-EINVAL, "no such signal");
	need(!bpftime_reads_own(), "SIGSEGV");
	check(!call(SEND_SIGNAL_THREAD, SIGSEGV) && came == SIGSEGV, "a signal of ours: %d", came);
}

// ---- another image ----

static char *self;

static void execs(void)
{
	char *argv[] = {self, "after", 0};
	pid_t pid;
	int status;
	twice();
	need(!posix_spawn(&pid, self, 0, 0, argv, environ) && waitpid(pid, &status, 0) == pid, "posix_spawn");
	check(!status, "the spawned program ended with %#x", status);
	finish(); // before it is another
	fflush(stdout);
	execv(self, argv);
	need(0, "execv");
}

static void after(void)
{
	twice();
	named("identity");
	same_user();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*f)(void);
	} scenarios[] = {
		{"threads", threads}, {"forks", forks}, {"raw_forks", raw_forks}, {"vforks", vforks}, {"unknown_libc", unknown_libc},
		{"namespace", in_namespace}, {"users", users}, {"names", names}, {"kept_names", kept_names}, {"execs", execs}, {"tasks", tasks}, {"signals", signals}, {"after", after},
	};
	self = argv[0];
	start(0);
	for (u64 i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		if (argc == 2 && !strcmp(argv[1], scenarios[i].name)) {
			scenarios[i].f();
			return finish();
		}
	return 2;
}
