/* bpf_probe_read and its family: reads of addresses that may be anything.
 *
 * The kernel reads for us (process_vm_readv), so a bad address is an error and never
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
#include "bpf.h"

#include <asm/unistd.h>

#define PAGE 4096ul
#define CHUNK 128

struct span {
	u64 at, n;
};

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

/* Reads up to n bytes, less when what is behind them cannot be read. Negative: none.
 * The range is split where its first page ends, as reads are whole by element. */
static HOT long read_far(u8 *to, u64 from, u64 n)
{
	u64 pid = (u64)bpftime_syscall(__NR_getpid, 0, 0, 0, 0, 0), first = PAGE - from % PAGE;
	struct span local = {(u64)to, n}, remote[2] = {{from, n < first ? n : first}, {from + first, n - first}};

	return bpftime_syscall(__NR_process_vm_readv, pid, (u64)&local, 1, (u64)remote, n > first ? 2 : 1);
}

static inline long read_some(u8 *to, u64 from, u64 n, u64 ctx)
{
	if (!is_near(from, n, ctx))
		return read_far(to, from, n);
	copy(to, (const u8 *)from, n);
	return (long)n;
}

/* long bpf_probe_read(void *dst, u32 size, const void *unsafe_ptr) */
HOT u64 bpftime_probe_read(BPF_ARGS)
{
	u64 n = (u32)r2;

	if (!n || read_some((u8 *)r1, r3, n, ctx) == (long)n)
		return 0;
	zero((void *)r1, n);
	return error(EFAULT_);
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

/* long bpf_probe_read_str(void *dst, u32 size, const void *unsafe_ptr): the length with the NUL */
HOT u64 bpftime_probe_read_str(BPF_ARGS)
{
	u8 chunk[CHUNK], *to = (u8 *)r1;
	u64 size = (u32)r2, done = 0;

	while (done < size) {
		u64 want = size - done < CHUNK ? size - done : CHUNK, end;
		long got = read_some(chunk, r3 + done, want, ctx);

		if (got < 0)
			got = 0;
		end = copy_text(to + done, chunk, (u64)got);
		done += end;
		if (end < (u64)got)
			return done + 1;
		if (end < want) {
			zero(to, size);
			return error(EFAULT_);
		}
	}
	if (size)
		to[size - 1] = 0;
	return size;
}
