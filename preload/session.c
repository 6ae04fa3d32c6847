/* The session in this process: $RUNDIR/NAME/session, mapped before the first
 * patch, closed at once: the host keeps no descriptor of ours.
 *
 * The file is made under a temporary name, given its blocks by fallocate (a full
 * tmpfs is an error here and no SIGBUS later), then linked into place; whoever
 * comes second uses the first one's. A directory that is not ours, or that others
 * may enter, is refused.
 */
#include "agent.h"
#include "native.h"

u32 session_log_level = LEVEL_WARN;

static struct session *session;
static u32 own_proc; /* slot + 1 */

static u64 now(void)
{
	struct { u64 s, ns; } t = {0, 0};

	SYS2(__NR_clock_gettime, 0 /* CLOCK_REALTIME */, &t);
	return t.s * 1000000000 + t.ns;
}

static u32 euid(void) { return (u32)SYS1(__NR_geteuid, 0); }

static int owned_directory(const char *path)
{
	long fd = sys_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	struct stat st;
	long r;

	if (failed(fd))
		return 0;
	r = SYS2(__NR_fstat, fd, &st);
	sys_close(fd);
	return !failed(r) && st.st_uid == euid() && !(st.st_mode & 022);
}

static char *add(char *to, char *end, const char *s)
{
	while (*s && to + 1 < end)
		*to++ = *s++;
	*to = 0;
	return to;
}

/* BPFTIME_RUNDIR, or $XDG_RUNTIME_DIR/bpftime if that is ours, or /dev/shm/bpftime-UID. */
void session_rundir(const struct settings *set, char *to, u64 max)
{
	TEXT(uid);
	char *end = to + max;

	if (set->rundir && *set->rundir) {
		add(to, end, set->rundir);
	} else if (set->xdg_runtime_dir && *set->xdg_runtime_dir == '/' && owned_directory(set->xdg_runtime_dir)) {
		add(add(to, end, set->xdg_runtime_dir), end, "/bpftime");
	} else {
		put_dec(&uid, euid());
		add(add(to, end, "/dev/shm/bpftime-"), end, uid.s);
	}
}

static long make_directory(const char *path)
{
	long r = SYS2(__NR_mkdir, path, 0700);

	if (failed(r) && r != -EEXIST_)
		return r;
	return owned_directory(path) ? 0 : -EACCES_;
}

static void init_header(struct session *s)
{
	s->hdr.version = SESSION_VERSION;
	s->hdr.size = SESSION_SIZE;
	__atomic_store_n(&s->hdr.magic, SESSION_MAGIC, __ATOMIC_RELEASE);
}

/* Beyond RLIMIT_FSIZE fallocate fails, and raises a signal that kills. */
int file_size_allowed(u64 size)
{
	u64 limit[2] = {0, 0};

	return !failed(SYS4(__NR_prlimit64, 0, 1 /* RLIMIT_FSIZE */, 0, limit)) && limit[0] >= size;
}

/* A file under a name of its own, full of blocks, with a header. */
static long make_file(const char *path)
{
	long fd, r, at;
	int tries = 0;

	if (!file_size_allowed(SESSION_SIZE))
		return -EFBIG_;
	fd = sys_open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (failed(fd))
		return fd;
	do /* tmpfs gave up at a signal before Linux 5.14; what always says so is a filter */
		r = SYS4(__NR_fallocate, fd, 0, 0, SESSION_SIZE);
	while (r == -EINTR_ && tries++ < 1000);
	at = failed(r) ? r : sys_mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sys_close(fd);
	if (failed(at)) {
		SYS1(__NR_unlink, path);
		return at;
	}
	init_header((struct session *)at);
	sys_munmap((u64)at, PAGE);
	return 0;
}

/* A file of that size that is ours, or -errno. */
long open_owned(const char *path, u64 size)
{
	long fd = sys_open(path, O_RDWR | O_NOFOLLOW, 0);
	struct stat st;

	if (failed(fd))
		return fd;
	if (failed(SYS2(__NR_fstat, fd, &st)) || (st.st_mode & S_IFMT) != S_IFREG || st.st_uid != euid() || (u64)st.st_size != size) {
		sys_close(fd);
		return -EINVAL_;
	}
	return fd;
}

static long open_or_make(const char *path)
{
	long fd = open_owned(path, SESSION_SIZE), r;
	TEXT(own);

	if (fd != -ENOENT_)
		return fd;
	put_dec(put(put(&own, path), "."), now());
	r = make_file(own.s);
	if (failed(r))
		return r;
	r = SYS2(__NR_link, own.s, path);
	SYS1(__NR_unlink, own.s);
	return failed(r) && r != -EEXIST_ ? r : open_owned(path, SESSION_SIZE);
}

/* ---- process slots ---- */

/* Field 22 of /proc/PID/stat, behind a command that may hold anything. */
static u64 start_time(u32 pid)
{
	static char buf[512];
	TEXT(path);
	u64 v = 0;
	long fd, n, at, field = 2;

	put(put_dec(put(&path, "/proc/"), pid), "/stat");
	fd = sys_open(path.s, O_RDONLY, 0);
	if (failed(fd))
		return 0;
	n = sys_read(fd, buf, sizeof buf - 1);
	sys_close(fd);
	if (failed(n))
		return 0;
	for (at = n; at > 0 && buf[at - 1] != ')'; at--)
		;
	for (; at < n && field < 22; at++)
		field += buf[at] == ' ';
	for (; at < n && buf[at] >= '0' && buf[at] <= '9'; at++)
		v = v * 10 + (u64)(buf[at] - '0');
	return v;
}

static u64 pid_namespace(void)
{
	struct stat st;

	return failed(SYS4(__NR_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &st, 0)) ? 0 : st.st_ino;
}

/* Sure to be gone: same PID namespace, and no such process, or another one, or
 * this very process before it called execve. */
static int is_dead(const struct session_proc *p, u64 pidns)
{
	if (p->state != SLOT_LIVE || p->pidns != pidns || !pidns || !p->pid)
		return 0;
	if (p->pid == (u32)SYS1(__NR_getpid, 0) || SYS2(__NR_kill, p->pid, 0) == -ESRCH_)
		return 1;
	return p->start && start_time(p->pid) != p->start;
}

static int cas(u32 *state, u32 old, u32 new)
{
	return __atomic_compare_exchange_n(state, &old, new, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Takes a slot of any table; it stays ours until it is LIVE or FREE. */
static int claim_from(u32 *state, u32 old)
{
	return cas(state, old, SLOT_CLAIMED | (u32)SYS1(__NR_getpid, 0) << SLOT_PID);
}

int slot_claim(u32 *state) { return claim_from(state, SLOT_FREE); }

/* Takes a slot whose claimer died over it. A claim takes microseconds: what is
 * still claimed a millisecond later, by a process that is not here, is nobody's;
 * the wait is for those of another PID namespace, and for who could not say. */
int slot_claim_abandoned(u32 *state)
{
	u32 old = __atomic_load_n(state, __ATOMIC_ACQUIRE);
	u64 millisecond[2] = {0, 1000000};

	if ((old & SLOT_STATE) != SLOT_CLAIMED || (old >> SLOT_PID && SYS2(__NR_kill, old >> SLOT_PID, 0) != -ESRCH_))
		return 0;
	SYS2(__NR_nanosleep, millisecond, 0);
	return claim_from(state, old);
}

static void free_leases(struct session *s, u32 proc)
{
	for (u32 i = 0; i < SESSION_NLEASES; i++)
		if (s->leases[i].owner == proc)
			__atomic_store_n(&s->leases[i].owner, 0, __ATOMIC_RELEASE);
}

/* Takes back what dead processes held: here, where system calls are allowed,
 * because a hit must do without them. CLAIMED marks a slot one of us works on. */
static void reclaim(struct session *s, u64 pidns)
{
	for (u32 i = 0; i < SESSION_NPROCS; i++) {
		u32 *state = &s->procs[i].state;

		if (!slot_claim_abandoned(state) && !(is_dead(&s->procs[i], pidns) && claim_from(state, SLOT_LIVE)))
			continue;
		free_leases(s, i + 1);
		__atomic_store_n(state, SLOT_FREE, __ATOMIC_RELEASE);
	}
}

static u32 claim_slot(struct session *s)
{
	for (u32 i = 0; i < SESSION_NPROCS; i++)
		if (slot_claim(&s->procs[i].state))
			return i + 1;
	return 0;
}

static void describe(struct session_proc *p, const char *exe, u64 pidns)
{
	u64 n = str_len(exe), skip = n < PROC_EXE_SIZE ? 0 : n - PROC_EXE_SIZE + 1;

	p->pid = (u32)SYS1(__NR_getpid, 0);
	p->pidns = pidns;
	p->start = start_time(p->pid);
	p->uid = euid();
	p->flags = 0;
	p->uncovered = 0;
	mem_zero(p->comm, sizeof p->comm);
	SYS2(__NR_prctl, 16 /* PR_GET_NAME */, p->comm);
	mem_zero(p->exe, sizeof p->exe);
	mem_copy(p->exe, exe + skip, n - skip);
	__atomic_store_n(&p->state, SLOT_LIVE, __ATOMIC_RELEASE);
}

/* ---- what hits need ---- */

/* Where the libc keeps the thread's own tid, so that a forked child knows its pid
 * without a call: the first word behind fs base that holds it (glibc 0x2d0, musl
 * 0x30). Read by the kernel: what lies behind the TCB need not be mapped. */
static u32 find_tid(void)
{
	static u32 tcb[256];
	u64 fs;
	struct { void *base; u64 n; } to = {tcb, sizeof tcb}, from = {0, sizeof tcb};
	u32 tid = (u32)SYS1(__NR_gettid, 0);
	long n;

	__asm__("movq %%fs:0, %0" : "=r"(fs));
	from.base = (void *)fs;
	n = sys6(__NR_process_vm_readv, SYS1(__NR_getpid, 0), (long)&to, 1, (long)&from, 1, 0);
	for (u32 i = 4; !failed(n) && i < (u64)n / 4; i++)
		if (tcb[i] == tid)
			return i * 4;
	return 0;
}

/* Without MADV_WIPEONFORK (before Linux 4.14) a forked child would write into its
 * parent's lease: refused. */
static int join(struct session *s, const char *exe)
{
	struct bpftime_resident *r = &bpftime_resident;
	u64 pidns = pid_namespace();

	if (failed(SYS3(__NR_madvise, &bpftime_private, sizeof bpftime_private, MADV_WIPEONFORK)))
		return 0;
	reclaim(s, pidns);
	own_proc = claim_slot(s);
	if (!own_proc)
		return 0;
	describe(&s->procs[own_proc - 1], exe, pidns);
	r->proc = own_proc;
	r->tid_offset = find_tid();
	r->clock = (long (*)(u64, u64 *))vdso_function("__vdso_clock_gettime");
	r->getcpu = (long (*)(u32 *, u32 *, void *))vdso_function("__vdso_getcpu");
	bpftime_bpf_ready();
	r->session = s;
	bpftime_private_ready(own_proc);
	return 1;
}

/* config.CheckSession's rule: no name steps out of the run directory. */
int session_name(const char *name)
{
	u64 n = str_len(name);

	for (const char *c = name; *c; c++)
		if (!((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '.' || *c == '_' || *c == '-'))
			return 0;
	return n && n <= 64 && *name != '.';
}

/* Opens, or makes, the session; the process takes a slot. 0 or -errno. */
long session_open(const char *rundir, const char *name, const char *exe)
{
	static char dir[1024], path[1040];
	char *end = add(dir, dir + sizeof dir, rundir);
	long fd, at, r;

	if (session)
		return 0;
	r = make_directory(dir);
	add(add(end, dir + sizeof dir, "/"), dir + sizeof dir, name);
	if (!r)
		r = make_directory(dir);
	if (r)
		return r;
	add(add(path, path + sizeof path, dir), path + sizeof path, "/session");
	fd = open_or_make(path);
	if (failed(fd))
		return fd;
	at = sys_mmap(0, SESSION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sys_close(fd);
	if (failed(at))
		return at;
	if (((struct session *)at)->hdr.magic != SESSION_MAGIC || ((struct session *)at)->hdr.version != SESSION_VERSION || ((struct session *)at)->hdr.size != SESSION_SIZE) {
		sys_munmap((u64)at, SESSION_SIZE);
		return -EINVAL_;
	}
	session = (struct session *)at;
	return join(session, exe) ? 0 : -ENOSPC_;
}

/* ---- log ---- */

u32 log_level(const char *name)
{
	static const char names[][8] = {"off", "error", "warn", "info", "debug"};

	for (u32 i = 0; name && i < sizeof names / sizeof *names; i++)
		if (str_eq(name, names[i]))
			return i;
	return LEVEL_WARN;
}

void log_line(u32 level, const char *line)
{
	struct session_log *rec;
	u64 index, n = str_len(line);

	if (!session || level > session_log_level)
		return;
	if (n >= LOG_TEXT_SIZE)
		n = LOG_TEXT_SIZE - 1;
	index = __atomic_fetch_add(&session->hdr.log_head, 1, __ATOMIC_RELAXED);
	rec = &session->logs[index % SESSION_NLOGS];
	__atomic_store_n(&rec->seq, 0, __ATOMIC_RELEASE);
	rec->time = now();
	rec->pid = own_proc ? session->procs[own_proc - 1].pid : 0;
	rec->level = level;
	rec->len = (u32)n;
	mem_copy(rec->text, line, n);
	rec->text[n] = 0;
	__atomic_store_n(&rec->seq, index + 1, __ATOMIC_RELEASE);
}
