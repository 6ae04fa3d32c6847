// limit RESTRICTION PROGRAM ARG...: restricts itself, puts LIMIT_PRELOAD into LD_PRELOAD, and execs the program.
// Built static, so that the agent starts only in the program, under the restriction.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MB (1UL << 20)
#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))
#define LENGTH(a) (sizeof(a) / sizeof *(a))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void install(struct sock_filter *code, size_t length)
{
	struct sock_fprog prog = { length, code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		die("seccomp");
}

// refuse answers each of the calls, up to a -1, with the action.
static void refuse(unsigned action, const int *calls)
{
	struct sock_filter code[64];
	size_t k = 0;
	code[k++] = (struct sock_filter)LOAD(nr);
	for (; *calls >= 0; calls++) {
		code[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, *calls, 0, 1);
		code[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
	}
	code[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	install(code, k);
}

#define REFUSE(action, ...) refuse(action, (const int[]){ __VA_ARGS__, -1 })

// refuse_bits answers one call with EPERM when its argument has all the bits.
static void refuse_bits(int nr, int arg, unsigned bits)
{
	struct sock_filter code[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * arg),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ERRNO(EPERM)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	install(code, LENGTH(code));
}

static void limit(int what, rlim_t value)
{
	struct rlimit r = { value, value };
	if (setrlimit(what, &r))
		die("setrlimit");
}

static void as600(void) { limit(RLIMIT_AS, 600 * MB); }
static void as100(void) { limit(RLIMIT_AS, 100 * MB); }
static void as20(void) { limit(RLIMIT_AS, 20 * MB); }
static void data60(void) { limit(RLIMIT_DATA, 60 * MB); }
static void data20(void) { limit(RLIMIT_DATA, 20 * MB); }
static void nofile4(void) { limit(RLIMIT_NOFILE, 4); }
static void fsize4k(void) { limit(RLIMIT_FSIZE, 4096); }
static void core0(void) { limit(RLIMIT_CORE, 0); }
static void memlock0(void) { limit(RLIMIT_MEMLOCK, 0); }
static void stack64k(void) { limit(RLIMIT_STACK, 65536); }

static void nproc(void)
{
	if (geteuid() == 0 && (setgid(65533) || setuid(65533)))
		die("setuid");
	limit(RLIMIT_NPROC, 1);
}

static void no_clone(void) { REFUSE(ERRNO(EPERM), SYS_clone, SYS_clone3, SYS_fork, SYS_vfork); }
static void clone_enosys(void) { REFUSE(ERRNO(ENOSYS), SYS_clone, SYS_clone3); }
static void no_wait(void) { REFUSE(ERRNO(EPERM), SYS_wait4, SYS_waitid); }
static void no_sigaltstack(void) { REFUSE(ERRNO(EPERM), SYS_sigaltstack); }
static void no_sigaction(void) { REFUSE(ERRNO(EPERM), SYS_rt_sigaction, SYS_rt_sigprocmask); }
static void no_memfd(void) { REFUSE(ERRNO(EPERM), SYS_memfd_create); }
static void no_fallocate(void) { REFUSE(ERRNO(EOPNOTSUPP), SYS_fallocate); }
static void no_link(void) { REFUSE(ERRNO(EPERM), SYS_link, SYS_linkat, SYS_rename, SYS_renameat, SYS_renameat2); }
static void no_mkdir(void) { REFUSE(ERRNO(EACCES), SYS_mkdir, SYS_mkdirat); }
static void no_mremap(void) { REFUSE(ERRNO(EPERM), SYS_mremap); }
static void no_pwrite(void) { REFUSE(ERRNO(EPERM), SYS_pwrite64, SYS_pwritev, SYS_pwritev2); }
static void no_futex(void) { REFUSE(ERRNO(EPERM), SYS_futex); }
static void no_prctl(void) { REFUSE(ERRNO(EPERM), SYS_prctl); }

// What a filter for a small program does not list, and Go's runtime calls.
static void kill_scheduling(void)
{
	REFUSE(SECCOMP_RET_KILL_PROCESS, SYS_sched_getaffinity, SYS_sched_yield, SYS_epoll_wait, SYS_epoll_pwait,
	       SYS_epoll_create1, SYS_eventfd2, SYS_sigaltstack, SYS_tgkill);
}

static void no_exec_mprotect(void) { refuse_bits(SYS_mprotect, 2, PROT_EXEC); }
static void no_shared_mmap(void) { refuse_bits(SYS_mmap, 3, MAP_SHARED); }
static void no_noreplace(void) { refuse_bits(SYS_mmap, 3, MAP_FIXED_NOREPLACE); }

// Anonymous memory that is executable from the start; the loader maps files.
static void no_exec_anonymous(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ERRNO(EPERM)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	install(code, LENGTH(code));
}

static void mdwe(void)
{
	if (prctl(65 /* PR_SET_MDWE */, 1, 0, 0, 0))
		die("mdwe");
}

static void no_new_privs(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("no_new_privs");
}

static void nothing(void) { }

static void in_chroot(void)
{
	const char *root = getenv("LIMIT_ROOT");
	if (!root || chroot(root) || chdir("/"))
		die("chroot");
}

static const struct {
	const char *name;
	void (*restrict_self)(void);
} restrictions[] = {
	{ "nothing", nothing }, { "as600", as600 }, { "as100", as100 }, { "as20", as20 }, { "data60", data60 },
	{ "data20", data20 }, { "nproc", nproc }, { "nofile4", nofile4 }, { "fsize4k", fsize4k },
	{ "core0", core0 }, { "memlock0", memlock0 }, { "stack64k", stack64k }, { "no_clone", no_clone },
	{ "clone_enosys", clone_enosys }, { "no_wait", no_wait }, { "no_sigaltstack", no_sigaltstack },
	{ "no_sigaction", no_sigaction }, { "no_memfd", no_memfd }, { "no_fallocate", no_fallocate },
	{ "no_link", no_link }, { "no_mkdir", no_mkdir }, { "no_mremap", no_mremap }, { "no_pwrite", no_pwrite },
	{ "no_futex", no_futex }, { "no_prctl", no_prctl }, { "kill_scheduling", kill_scheduling },
	{ "no_exec_mprotect", no_exec_mprotect }, { "no_exec_anonymous", no_exec_anonymous },
	{ "no_shared_mmap", no_shared_mmap }, { "no_noreplace", no_noreplace },
	{ "mdwe", mdwe }, { "no_new_privs", no_new_privs }, { "chroot", in_chroot },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < LENGTH(restrictions); i++)
		if (!strcmp(argv[1], restrictions[i].name)) {
			const char *preload = getenv("LIMIT_PRELOAD");
			if (preload)
				setenv("LD_PRELOAD", preload, 1);
			restrictions[i].restrict_self();
			execv(argv[2], argv + 2);
			die("exec");
		}
	return 2;
}
