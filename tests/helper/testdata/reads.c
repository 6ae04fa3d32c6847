// reads CONDITION [guarded]: bpf_probe_read and its family on good and bad addresses, under one of the conditions below.
#include "harness.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

static const u32 reads[] = {PROBE_READ, PROBE_READ_USER, PROBE_READ_KERNEL, COPY_FROM_USER};
static const u32 texts[] = {PROBE_READ_STR, PROBE_READ_USER_STR, PROBE_READ_KERNEL_STR};

enum { PAGE = 4096, ROOM = 3 * PAGE };

// Two pages that can be read, with one that cannot behind them. The last is not mapped, or is PROT_NONE.
static u8 *area, want[ROOM], got[ROOM];
static int refused; // by a filter: what is not near fails
static int guarded; // nobody is asked

static void make_area(void)
{
	area = pages(3);
	for (int i = 0; i < 2 * PAGE; i++)
		area[i] = 1 + i % 255;
}

static void expect(u32 id, u64 size, u64 from, u64 result, int line)
{
	memset(got, 0xee, sizeof got);
	u64 r = call(id, got, size, from);
	check(r == result, "line %d: helper %u of %lu bytes at %#lx: %ld", line, id, size, from, (long)r);
	check(!memcmp(got, want, sizeof got), "line %d: helper %u of %lu bytes at %#lx: the target", line, id, size, from);
}

// The target is as want says up to n, and untouched from there on.
static void fill(u64 n, const void *from)
{
	memset(want, 0xee, sizeof want);
	if (from)
		memcpy(want, from, n);
	else
		memset(want, 0, n);
}

static void good(u32 id, u64 size, u64 from)
{
	if (refused && size) {
		fill(size, 0);
		expect(id, size, from, -EFAULT, __LINE__);
	} else {
		fill(size, (void *)from);
		expect(id, size, from, 0, __LINE__);
	}
}

static void bad(u32 id, u64 size, u64 from)
{
	fill(size, 0);
	expect(id, size, from, size ? -EFAULT : 0, __LINE__);
}

static void read_good(u32 id)
{
	static const u64 sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 255, 256, 4095, 4096, 4097, 8191, 8192};
	u64 end = (u64)area + 2 * PAGE;
	for (u64 i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		good(id, sizes[i], (u64)area);
		good(id, sizes[i], end - sizes[i]);
		if (sizes[i] < PAGE)
			good(id, sizes[i], (u64)area + PAGE - sizes[i] / 2);
	}
	fill(8, area);
	if (!refused)
		expect(id, 1ul << 32 | 8, (u64)area, 0, __LINE__); // the size has 32 bits
}

static const u64 nowhere[] = {0, 1, 8, 4095, 1ul << 46, 1ul << 47, 1ul << 63, 0xffff800000000000, 0xffffffff81000000, -4096ul, -8ul, -1ul};

static void read_bad(u32 id)
{
	u64 end = (u64)area + 2 * PAGE;
	static const u64 sizes[] = {0, 1, 2, 8, 64, 100, 4096, 5000};
	for (u64 i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		u64 n = sizes[i];
		bad(id, n, end);
		for (u64 k = 1; k < n && k <= 8; k++)
			bad(id, n, end - k); // a part of it is there
		if (n > PAGE)
			bad(id, n, end - PAGE - 1);
		for (u64 k = 0; k < sizeof nowhere / sizeof *nowhere; k++)
			bad(id, n, nowhere[k]);
	}
}

// The thunk's frame lies in a page of its own, between two that cannot be read. What is in that page is read also where a
// filter refuses the call for all else; beside it no load may happen.
static void read_near(u32 id, u32 text_id)
{
	static const u64 frames[] = {0, 1024, PAGE - FRAME_RA - 8};
	u8 *page = (u8 *)pages(3) + PAGE;
	munmap(page - PAGE, PAGE);
	mprotect(page + PAGE, PAGE, PROT_NONE);
	for (int i = 0; i < PAGE; i++)
		page[i] = 'a' + i % 26;
	for (u64 i = 0; i < sizeof frames / sizeof *frames; i++) {
		u64 ctx = (u64)page + frames[i] + FRAME_REGS;
		helper f = (helper)bpftime_bpf_helper(id), g = (helper)bpftime_bpf_helper(text_id);
		check(!f((u64)got, PAGE, (u64)page, 0, 0, ctx) && !memcmp(got, page, PAGE), "frame at %lu: the page", frames[i]);
		check(!f((u64)got, 13, (u64)page + PAGE - 13, 0, 0, ctx) && !memcmp(got, page + PAGE - 13, 13), "frame at %lu: its end", frames[i]);
		check(f((u64)got, 2, (u64)page + PAGE - 1, 0, 0, ctx) == (u64)-EFAULT && !got[0], "frame at %lu: beyond", frames[i]);
		check(f((u64)got, 2, (u64)page - 1, 0, 0, ctx) == (u64)-EFAULT, "frame at %lu: below", frames[i]);
		check(f((u64)got, PAGE + 1, (u64)page, 0, 0, ctx) == (u64)-EFAULT, "frame at %lu: more than it", frames[i]);
		check(g((u64)got, 500, (u64)page + 7, 0, 0, ctx) == 500 && !memcmp(got, page + 7, 499) && !got[499], "frame at %lu: text", frames[i]);
		check(g((u64)got, 500, (u64)page + PAGE - 300, 0, 0, ctx) == (u64)-EFAULT, "frame at %lu: text without end", frames[i]);
	}
	munmap(page, 2 * PAGE);
}

static void text(u32 id, u64 size, u64 from, u64 length)
{
	if (refused && size) {
		bad(id, size, from);
	} else if (length < size) {
		fill(length + 1, (void *)from);
		expect(id, size, from, length + 1, __LINE__);
	} else {
		fill(size, (void *)from);
		if (size)
			want[size - 1] = 0;
		expect(id, size, from, size, __LINE__);
	}
}

static void text_good(u32 id)
{
	static const u64 lengths[] = {0, 1, 2, 7, 8, 15, 16, 63, 126, 127, 128, 129, 255, 256, 257, 300, 4094, 4095, 4096, 5000};
	u8 *end = area + 2 * PAGE;
	for (u64 i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		u64 n = lengths[i], sizes[] = {0, 1, 2, n, n + 1, n + 2, n + 128, ROOM};
		end[-1] = 0; // it ends where memory ends
		for (u64 k = 0; k < sizeof sizes / sizeof *sizes; k++)
			if (n < 2 * PAGE)
				text(id, sizes[k], (u64)end - n - 1, n);
		end[-1] = 'x';
		if (n + 2 > 2 * PAGE)
			continue;
		u8 was = area[n + 1];
		area[n + 1] = 0; // more text behind it
		for (u64 k = 0; k < sizeof sizes / sizeof *sizes; k++)
			text(id, sizes[k], (u64)area + 1, n);
		area[n + 1] = was;
	}
}

// Text that runs into what cannot be read: an error, but for who asks for less of it.
static void text_bad(u32 id)
{
	static const u64 before[] = {1, 7, 64, 127, 128, 129, 300, 4096, 4097};
	u64 end = (u64)area + 2 * PAGE;
	((u8 *)end)[-1] = 'x';
	for (u64 i = 0; i < sizeof before / sizeof *before; i++) {
		u64 n = before[i];
		bad(id, n + 1, end - n);
		bad(id, n + 500, end - n);
		if (n >= 2)
			text(id, n, end - n, n);
	}
	for (u64 k = 0; k < sizeof nowhere / sizeof *nowhere; k++) {
		bad(id, 64, nowhere[k]);
		bad(id, 0, nowhere[k]);
	}
}

static void read_area(void)
{
	for (int i = 0; i < 4; i++) {
		read_good(reads[i]);
		read_bad(reads[i]);
	}
	for (int i = 0; i < 3; i++) {
		read_near(reads[i], texts[i]);
		text_good(texts[i]);
		text_bad(texts[i]);
	}
}

// A file that ends before its mapping does: SIGBUS.
static void read_beyond_file(void)
{
	int fd = memfd_create("short", 0);
	need(fd >= 0 && !ftruncate(fd, 2 * PAGE), "memfd");
	area = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(area != MAP_FAILED, "mmap");
	close(fd);
	for (int i = 0; i < 2 * PAGE; i++)
		area[i] = 1 + i % 255;
	read_area();
}

// What is written is there, and nothing beside it; where nothing may be written, or nothing is, it fails.
static void write_all(void)
{
	static const u64 sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 64, 100, 4096, 4097};
	u8 *at = pages(3), *end = at + 2 * PAGE;
	mprotect(end, PAGE, PROT_READ);
	for (int i = 0; i < ROOM; i++)
		want[i] = 1 + i % 251;
	for (u64 i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		u64 n = sizes[i], to[] = {(u64)end - n, (u64)at + 5};
		for (int k = 0; k < 2; k++) {
			memset(at, 0xee, 2 * PAGE);
			u64 r = call(PROBE_WRITE_USER, to[k], want, n), wrong = 0;
			for (u64 b = 0; b < 2 * PAGE; b++)
				wrong += at[b] != ((u64)at + b - to[k] < n ? want[(u64)at + b - to[k]] : 0xee);
			check(refused ? r == (u64)-EFAULT : !r && !wrong, "%lu bytes written: %ld, %lu of them wrong", n, (long)r, wrong);
		}
		check(call(PROBE_WRITE_USER, (u64)end, want, n) == (u64)-EFAULT, "%lu bytes to a page that is read only", n);
		check(call(PROBE_WRITE_USER, (u64)end - n / 2, want, n) == (u64)-EFAULT, "%lu bytes, a part of them to a page that is read only", n);
		for (u64 k = 0; k < sizeof nowhere / sizeof *nowhere; k++)
			check(call(PROBE_WRITE_USER, nowhere[k], want, n) == (u64)-EFAULT, "%lu bytes to %#lx", n, nowhere[k]);
	}
	check(refused || !call(PROBE_WRITE_USER, (u64)at, want, 0), "nothing");
	munmap(at, 3 * PAGE);
}

static void read_all(void)
{
	write_all();
	read_beyond_file();
	make_area();
	mprotect(area + 2 * PAGE, PAGE, PROT_NONE);
	read_area();
	make_area();
	munmap(area + 2 * PAGE, PAGE);
	read_area();
}

static void blocked(void)
{
	block_all();
	read_all();
}

static void handler(int sig)
{
	(void)sig;
	read_all();
}

static void in_handler(void)
{
	struct sigaction a = {.sa_handler = handler};
	sigfillset(&a.sa_mask);
	need(!sigaction(SIGUSR1, &a, 0), "sigaction");
	raise(SIGUSR1);
}

// What posix_spawn does: a child on our memory and TLS, with all signals blocked.
static int spawned(void *unused)
{
	(void)unused;
	signal(SIGSEGV, SIG_DFL);
	blocked();
	_exit(0);
}

static void in_spawn(void)
{
	char *stack = pages(64);
	int status;
	pid_t pid = clone(spawned, stack + 64 * PAGE, CLONE_VM | CLONE_VFORK | SIGCHLD, 0);
	need(pid > 0 && waitpid(pid, &status, 0) == pid, "clone");
	check(!status, "the child ended with %#x", status);
	read_all();
}

// Such a child, but it may not read its parent, whatever the system lets processes do with each other.
static void in_private_spawn(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	in_spawn();
}

static void small_stack(void) { in_thread(read_all, 16384); }

// All calls but NR are allowed; that one gets the verdict.
static void filter_out(int nr, u32 verdict)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, verdict),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof code / sizeof *code, code};
	need(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), "seccomp");
}

static void filtered(void)
{
	filter_out(SYS_process_vm_readv, SECCOMP_RET_ERRNO | EPERM);
	filter_out(SYS_process_vm_writev, SECCOMP_RET_ERRNO | EPERM);
	refused = !guarded;
	read_all();
}

static void filtered_pid(void)
{
	filter_out(SYS_getpid, SECCOMP_RET_ERRNO | EPERM);
	refused = !guarded;
	read_all();
}

static void forked(void) { in_child(read_all); }

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*f)(void);
	} conditions[] = {
		{"plain", read_all}, {"blocked", blocked}, {"handler", in_handler}, {"spawn", in_spawn}, {"private", in_private_spawn},
		{"stack", small_stack}, {"filter", filtered}, {"filter_pid", filtered_pid}, {"fork", forked},
	};
	start(0);
	guarded = argc == 3;
	need(!guarded || !bpftime_reads_own(), "SIGSEGV and SIGBUS");
	for (u64 i = 0; i < sizeof conditions / sizeof *conditions; i++)
		if (argc >= 2 && !strcmp(argv[1], conditions[i].name)) {
			conditions[i].f();
			return finish();
		}
	return 2;
}
