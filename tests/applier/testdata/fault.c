// fault TRACE WHO MODE N ERRNO PROGRAM ARG...: runs a program with the agent of FAULT_PRELOAD in LD_PRELOAD, under
// ptrace, and makes system calls of the agent fail. The call is not made; it returns -ERRNO.
//
//   WHO    host   the calls that the agent's own code makes in the traced process (by the instruction pointer)
//          family the same in its threads and children too
//          child  every call in the processes the agent makes: the compiler
//   MODE   none   nothing fails
//          once   the Nth call fails
//          kind   it fails, and all later ones of the same number
//          short  it fails, and all later ones that need memory or a descriptor; what gives back does not
//          pair   it fails, and the next that needs memory or a descriptor
//          rest   it fails, and all later ones
//          kill   the process is killed when it is about to make it
//
// Calls that cannot fail, whoever makes them (exit, close), are counted and let through. TRACE gets one line for each
// call of WHO: number, six arguments, result, "!" if it was made to fail, path. Built static, so that no agent starts in here.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	FILE *trace;
	int family, child, kind, brief, pair, rest, kill;
	long n, error;
} want;

static pid_t host;
static long seen;           // calls of WHO so far
static long failing = -1;   // the number of the call that failed first
static uint64_t agent_low, agent_high;

struct task {
	pid_t tid;
	int ours, fails;
	struct __ptrace_syscall_info call; // as it was entered
};
static struct task tasks[256];

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static struct task *task_of(pid_t tid)
{
	struct task *free_one = 0;
	for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
		if (tasks[i].tid == tid)
			return &tasks[i];
		if (!tasks[i].tid && !free_one)
			free_one = &tasks[i];
	}
	if (!free_one)
		die("too many tasks");
	*free_one = (struct task){ .tid = tid };
	return free_one;
}

// find_agent looks for the agent's text in the host; it is mapped once, and stays.
static void find_agent(void)
{
	char path[64], line[4352];
	snprintf(path, sizeof path, "/proc/%d/maps", host);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (strstr(line, "r-xp") && strstr(line, "/libbpftime-agent.so\n"))
			sscanf(line, "%lx-%lx", &agent_low, &agent_high);
	if (f)
		fclose(f);
}

static int is_ours(const struct task *t)
{
	if (want.child)
		return t->tid != host;
	if (t->tid != host && !want.family)
		return 0;
	if (!agent_high)
		find_agent();
	return t->call.instruction_pointer - agent_low < agent_high - agent_low;
}

static int may_fail(uint64_t nr)
{
	return nr != SYS_exit && nr != SYS_exit_group && nr != SYS_close && nr != SYS_rt_sigreturn && nr != SYS_getpid &&
	       nr != SYS_gettid && nr != SYS_geteuid && nr != SYS_getppid;
}

static int takes(long nr)
{
	return nr == SYS_openat || nr == SYS_mmap || nr == SYS_mprotect || nr == SYS_mremap || nr == SYS_pwrite64;
}

static int fails(const struct task *t)
{
	long nr = (long)t->call.entry.nr;
	if (!want.n || !may_fail(t->call.entry.nr))
		return 0;
	if (failing < 0 && seen == want.n) {
		failing = nr;
		return 1;
	}
	if (failing < 0 || seen < want.n)
		return 0;
	if (want.pair && takes(nr))
		return want.pair = 0, 1;
	return want.rest || (want.kind && nr == failing) || (want.brief && takes(nr));
}

// The agent hides its compiler from debuggers; here it is not to be hidden.
static int hides(const struct task *t)
{
	return want.child && t->tid == host && t->call.entry.nr == SYS_clone && t->call.entry.args[0] & CLONE_UNTRACED;
}

static void entry(struct task *t)
{
	struct user_regs_struct regs;
	t->ours = is_ours(t);
	seen += t->ours;
	if (t->ours && want.kill && seen == want.n)
		kill(host, SIGKILL);
	t->fails = t->ours && !want.kill && fails(t);
	if ((!t->fails && !hides(t)) || ptrace(PTRACE_GETREGS, t->tid, 0, &regs))
		return;
	if (t->fails)
		regs.orig_rax = (unsigned long long)-1;
	else
		regs.rdi &= ~(unsigned long long)CLONE_UNTRACED;
	ptrace(PTRACE_SETREGS, t->tid, 0, &regs);
}

static void print(const struct task *t, int64_t result)
{
	static const int with_path[] = { SYS_openat, SYS_link, SYS_unlink, SYS_mkdir, SYS_readlink, SYS_newfstatat, SYS_execve };
	char path[512] = "";
	for (size_t i = 0; i < sizeof with_path / sizeof *with_path; i++) {
		int nr = with_path[i], arg = nr == SYS_openat || nr == SYS_newfstatat;
		struct iovec to = { path, sizeof path - 1 }, from = { (void *)t->call.entry.args[arg], sizeof path - 1 };
		if (nr == (int)t->call.entry.nr && process_vm_readv(t->tid, &to, 1, &from, 1, 0) < 0)
			strcpy(path, "?");
	}
	fprintf(want.trace, "%ld", (long)t->call.entry.nr);
	for (int i = 0; i < 6; i++)
		fprintf(want.trace, " %#lx", (long)t->call.entry.args[i]);
	fprintf(want.trace, " %ld %s %s\n", (long)result, t->fails ? "!" : "-", path);
	fflush(want.trace);
}

static void leave(struct task *t, int64_t result)
{
	struct user_regs_struct regs;
	if (t->fails && !ptrace(PTRACE_GETREGS, t->tid, 0, &regs)) {
		regs.rax = (unsigned long long)-want.error;
		ptrace(PTRACE_SETREGS, t->tid, 0, &regs);
	}
	if (t->ours)
		print(t, t->fails ? -want.error : result);
	t->ours = t->fails = 0;
}

static void at_call(struct task *t)
{
	struct __ptrace_syscall_info now;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof now, &now) < 0)
		return;
	if (now.op == PTRACE_SYSCALL_INFO_ENTRY) {
		t->call = now;
		entry(t);
	} else if (now.op == PTRACE_SYSCALL_INFO_EXIT) {
		leave(t, now.exit.rval);
	}
}

// end ends as the host did.
static void end(int status)
{
	if (WIFEXITED(status))
		exit(WEXITSTATUS(status));
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	exit(99);
}

static void stopped(struct task *t, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;
	if (sig == (SIGTRAP | 0x80)) {
		at_call(t);
		sig = 0;
	} else if (event || sig == SIGSTOP) { // exec, clone, or a new task's first stop
		sig = 0;
	}
	ptrace(PTRACE_SYSCALL, t->tid, 0, sig);
}

static void follow(void)
{
	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL);
		if (tid < 0)
			die("waitpid");
		struct task *t = task_of(tid);
		if (WIFSTOPPED(status)) {
			stopped(t, status);
			continue;
		}
		if (t->ours)
			print(t, 0); // exit, or killed inside
		t->tid = 0;
		if (tid == host)
			end(status);
	}
}

static void run(char **argv)
{
	const char *preload = getenv("FAULT_PRELOAD");
	sigset_t blocked;
	if (preload)
		setenv("LD_PRELOAD", preload, 1);
	unsetenv("FAULT_PRELOAD");
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2); // a mask that must be kept
	sigprocmask(SIG_BLOCK, &blocked, 0);
	if (ptrace(PTRACE_TRACEME, 0, 0, 0))
		die("PTRACE_TRACEME");
	raise(SIGSTOP);
	execv(*argv, argv);
	die(*argv);
}

int main(int argc, char **argv)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int status;
	if (argc < 7)
		return 2;
	want.trace = fopen(argv[1], "we");
	want.family = !strcmp(argv[2], "family");
	want.child = !strcmp(argv[2], "child");
	want.kind = !strcmp(argv[3], "kind");
	want.brief = !strcmp(argv[3], "short");
	want.pair = !strcmp(argv[3], "pair");
	want.rest = !strcmp(argv[3], "rest");
	want.kill = !strcmp(argv[3], "kill");
	want.n = strcmp(argv[3], "none") ? atol(argv[4]) : 0;
	want.error = atol(argv[5]);
	if (!want.trace)
		die(argv[1]);
	if (want.child || want.family)
		options |= PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
	host = fork();
	if (!host)
		run(argv + 6);
	if (waitpid(host, &status, __WALL) != host || !WIFSTOPPED(status) || ptrace(PTRACE_SETOPTIONS, host, 0, options))
		die("ptrace");
	ptrace(PTRACE_SYSCALL, host, 0, 0);
	follow();
}
