package syscallhook

import (
	"bytes"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/x86"
)

// Sites that could be rewritten, and are left as they are, since somebody knows them.
const (
	whySignal = "it returns from a signal handler, and unwinders and debuggers know it by its bytes"
	whyCancel = "pthread_cancel asks whether a thread was interrupted right here"
	whyStack  = "the thread gives its own stack back, and has none to run programs on"
)

// wellKnown says why the syscall insns[i] has to stay where it is; "": it has not.
func (f *entries) wellKnown(i int, n Number) string {
	switch {
	case f.returnsFromSignal(i):
		return whySignal
	case !n.Known && f.asksForCancel() && f.takesNumber(i):
		return whyCancel
	case f.givesStackBack(i, n):
		return whyStack
	}
	return ""
}

// returnsFromSignal looks at bytes: the unwind data of such a function begins a byte
// before its first instruction.
func (f *entries) returnsFromSignal(i int) bool {
	end := int(f.insns[i].end() - f.Lo)
	return end >= x86.SigreturnLen && x86.IsSigreturn(f.code[end-x86.SigreturnLen:end])
}

// asksForCancel: musl's __syscall_cp_asm and glibc's __syscall_cancel_arch (since 2.41)
// make any call, unless the word their first argument points to says that the thread is
// cancelled. They begin with mov (%rdi),%eax or testb $n,(%rdi), and the number is their
// second argument.
//
// The handler of pthread_cancel's signal compares the interrupted ip with both ends.
func (f *entries) asksForCancel() bool {
	for _, in := range f.insns[:min(2, len(f.insns))] {
		if in.IsEndbr64() {
			continue
		}
		const atRDI = 0x07
		return len(in.b) >= 2 && (in.b[0] == 0x8b || in.b[0] == 0xf6) && in.b[1] == atRDI
	}
	return false
}

// takesNumber: mov %rsi,%rax
func (f *entries) takesNumber(i int) bool {
	for _, in := range f.insns[:i] {
		if bytes.Equal(in.b, []byte{0x48, 0x89, 0xf0}) {
			return true
		}
	}
	return false
}

// givesStackBack: a thread that unmaps its own stack (musl's __unmapself) calls exit right
// behind that.
func (f *entries) givesStackBack(i int, n Number) bool {
	const near = 16
	for k, at := range f.syscalls {
		if at != i {
			continue
		}
		switch {
		case n == known(unix.SYS_MUNMAP) && k+1 < len(f.syscalls):
			next := f.syscalls[k+1]
			return f.insns[next].addr < f.insns[i].end()+near && f.number(next) == known(unix.SYS_EXIT)
		case n == known(unix.SYS_EXIT) && k > 0:
			before := f.syscalls[k-1]
			return f.insns[i].addr < f.insns[before].end()+near && f.number(before) == known(unix.SYS_MUNMAP)
		}
	}
	return false
}
