package syscallhook

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/trampoline"
)

// guarded are the calls that set a signal's handler, block signals, or outlive both,
// and the one that names a thread: bpftime_signal_call (internal/native/signal_calls.c)
// makes them for the host.
var guarded = []int32{
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGSUSPEND, unix.SYS_PSELECT6, unix.SYS_PPOLL,
	unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2, unix.SYS_EXECVE, unix.SYS_EXECVEAT,
	unix.SYS_PRCTL,
}

// MustGuard tells whether a site may make a call that touches signals.
func (s Site) MustGuard() bool { return !s.Number.Known || slices.Contains(guarded, s.Number.Value) }

// Guardable says why a signal cannot be ours in a process that has this module: a site
// that may block it cannot be rewritten. nil: all are, or may be.
func Guardable(sites []Site) error {
	for _, s := range sites {
		if s.MustGuard() && s.Tactic == Trap {
			return fmt.Errorf("the system call at %#x may block a signal and cannot be rewritten: %s", s.Vaddr, s.Why)
		}
	}
	return nil
}

// Guard rewrites a site so that what it says about signals of ours goes to the agent:
//
//	stub: <what stands before the syscall>
//	      <guard>
//	      lea   site+2(%rip), %rcx    as the kernel leaves it
//	      <what stands behind it>
//	      jmp   behind
//
// A number that is known at the site is one of a guarded call. Else it is compared,
// without a flag or a stack slot, since clone may come this way:
//
//	      lea   -13(%rax), %ecx ; jrcxz 1f ; …
//	      syscall ; jmp 2f
//	1:    <guard>
//	2:
func Guard(a *trampoline.Arena, s Site) error {
	return a.Write(func() error {
		a.Reserve(abi.HELPER_SYSCALL_GUARD)
		stub := a.Align(16)
		if err := a.Move(s.Lo, s.Vaddr); err != nil {
			return err
		}
		if !s.Number.Known {
			choose(a)
		}
		callGuard(a)
		a.Emit(0x48, 0x8d, 0x0d)
		a.ModuleRel32(s.Vaddr+uint64(len(opcode)), 0)
		if err := a.Move(s.Vaddr+uint64(len(opcode)), s.Hi); err != nil {
			return err
		}
		a.GoOn(s.Hi)
		return a.Lead(s.Lo, s.Hi, s.Hole, abi.TACTIC_JUMP, stub)
	})
}

// guardLen is how many bytes callGuard writes.
const guardLen = 19

// callGuard leaves the red zone alone: lea -128(%rsp),%rsp ; call ; lea 128(%rsp),%rsp.
func callGuard(a *trampoline.Arena) {
	a.Emit(0x48, 0x8d, 0x64, 0x24, 0x80)
	a.Call(abi.HELPER_SYSCALL_GUARD)
	a.Emit(0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0)
}

// choose makes the call itself unless it is a guarded one.
func choose(a *trampoline.Arena) {
	const test, rest = 8, 4 // lea and jrcxz; syscall and jmp
	for i, nr := range guarded {
		a.Emit(0x8d, 0x88) // lea -nr(%rax),%ecx
		a.Emit32(uint32(-nr))
		a.Emit(0xe3, byte((len(guarded)-i-1)*test+rest)) // jrcxz
	}
	a.Emit(opcode...)
	a.Emit(0xeb, guardLen)
}
