/* bpf_probe_read and its family, and bpf_probe_write_user: addresses that may be anything.
 *
 * Where SIGSEGV and SIGBUS are ours (`reads: guarded`) memory is read as it is, and a
 * fault is an error: see fault.c, and is_guarded for when. Elsewhere the kernel reads
 * for us (process_vm_readv), so a bad address is an error and never
 * a fault, whatever becomes of SIGSEGV here: blocked, as in a handler with a full mask;
 * default, as in the child of posix_spawn. It is asked for our own pid, which it grants
 * to everybody; the pid is asked each time, for a child that shares our memory is
 * another process, which may not read its parent. A host whose filter refuses the call
 * gets -EFAULT; under a filter that kills for it a program must not read.
 *
 * What is proven to be readable is read as it is: the pages that the thunk's frame lies
 * in. The thread has just written there, and nobody takes its stack away. Nothing
 * further up the stack is proven: its bounds are known to the libc alone, and threads
 * protect pages of their own stack. Nor is a module: another thread may unload it.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "signals.h"

#include <asm/unistd.h>

#define PAGE 4096ul
#define CHUNK 96

struct span {
	u64 at, n;
};

HIDDEN long bpftime_guarded_copy(void *to, const void *from, u64 n);
HIDDEN long bpftime_guarded_text(void *to, const void *from, u64 n);

/* May a read here fault? On a stack that the thread's lease is for, so not on an
 * alternate one; and where the host does not believe one of the signals blocked. */
static inline int is_guarded(u64 ctx)
{
	const struct bpftime_thread *t = &bpftime_self;

	return bpftime_resident.guarded && thread_of(ctx) == t && !(t->blocked & BLOCKED_FAULTS);
}

static inline int is_near(u64 from, u64 n, u64 ctx)
{
	u64 frame = ctx - FRAME_REGS, lo = frame & -PAGE, hi = (frame + FRAME_RA + 8 + PAGE - 1) & -PAGE;

	return from >= lo && n <= hi - lo && from <= hi - n;
}

static inline void copy(u8 *to, const u8 *from, u64 n)
{
	for (; n >= 8; n -= 8, to += 8, from += 8)
		__builtin_memcpy(to, from, 8);
	for (; n; n--)
		*to++ = *from++;
}

/* process_vm_readv or _writev of up to n bytes at `far`, less when what is behind them
 * is not there. Negative: none. The range is split where its first page ends, as such
 * calls are whole by element. */
static HOT long by_kernel(long nr, u64 near, u64 far, u64 n)
{
	u64 pid = (u64)bpftime_syscall(__NR_getpid, 0, 0, 0, 0, 0), first = PAGE - far % PAGE;
	struct span local = {near, n}, remote[2] = {{far, n < first ? n : first}, {far + first, n - first}};

	return bpftime_syscall(nr, pid, (u64)&local, 1, (u64)remote, n > first ? 2 : 1);
}

/* A word where faults are ours, else as much as there is of n bytes for the price of a
 * system call. Negative: nothing. */
HOT long bpftime_read_ahead(u8 *to, u64 from, u64 n, u64 ctx)
{
	if (is_guarded(ctx))
		return bpftime_guarded_copy(to, (const void *)from, 8) ? -EFAULT_ : 8;
	return by_kernel(__NR_process_vm_readv, (u64)to, from, n);
}

static inline long read_some(u8 *to, u64 from, u64 n, u64 ctx)
{
	if (!is_near(from, n, ctx))
		return by_kernel(__NR_process_vm_readv, (u64)to, from, n);
	copy(to, (const u8 *)from, n);
	return (long)n;
}

static HOT u64 read_slowly(u64 to, u64 n, u64 from, u64 ctx)
{
	if (!n || read_some((u8 *)to, from, n, ctx) == (long)n)
		return 0;
	zero((void *)to, n);
	return error(EFAULT_);
}

/* bpf_probe_read, but for what guarded.S has done */
HOT HIDDEN u64 bpftime_read_any(BPF_ARGS)
{
	u64 n = (u32)r2;

	if (!likely(is_guarded(ctx)))
		return read_slowly(r1, n, r3, ctx);
	if (likely(!bpftime_guarded_copy((void *)r1, (const void *)r3, n)))
		return 0;
	zero((void *)r1, n);
	return error(EFAULT_);
}

/* long bpf_probe_write_user(void *dst, const void *src, u32 len): a part of it may be written though it fails */
HOT u64 bpftime_probe_write_user(BPF_ARGS)
{
	u64 n = (u32)r3;

	if (is_guarded(ctx))
		return (u64)bpftime_guarded_copy((void *)r1, (const void *)r2, n);
	return by_kernel(__NR_process_vm_writev, r2, r1, n) == (long)n ? 0 : error(EFAULT_);
}

/* Copies up to the NUL; the rest of the target stays as it is. Returns its index, or n. */
static inline u64 copy_text(u8 *to, const u8 *from, u64 n)
{
	for (u64 i = 0; i < n; i++) {
		to[i] = from[i];
		if (!from[i])
			return i;
	}
	return n;
}

/* The index of the NUL; size: there is none; or -EFAULT. */
static HOT long text_slowly(u8 *to, u64 size, u64 from, u64 ctx)
{
	u8 chunk[CHUNK];

	for (u64 done = 0; done < size;) {
		u64 want = size - done < CHUNK ? size - done : CHUNK, end;
		long got = read_some(chunk, from + done, want, ctx);

		if (got < 0)
			got = 0;
		end = copy_text(to + done, chunk, (u64)got);
		done += end;
		if (end < (u64)got)
			return (long)done;
		if (end < want)
			return -EFAULT_;
	}
	return (long)size;
}

/* long bpf_probe_read_str(void *dst, u32 size, const void *unsafe_ptr): the length with the NUL */
HOT u64 bpftime_probe_read_str(BPF_ARGS)
{
	u8 *to = (u8 *)r1;
	u64 size = (u32)r2;
	long end = is_guarded(ctx) ? bpftime_guarded_text(to, (const void *)r3, size) : text_slowly(to, size, r3, ctx);

	if (end < 0) {
		zero(to, size);
		return error(EFAULT_);
	}
	if ((u64)end < size)
		return (u64)end + 1;
	if (size)
		to[size - 1] = 0;
	return size;
}
