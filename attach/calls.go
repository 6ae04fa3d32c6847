package attach

import (
	"fmt"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/syscalls"
)

// This file is where the two halves of system calls meet.
//
//	section name ─callOf→ onCall ─c.onCalls→ sites (syscallhook) → stubs and lists of runs
//
// The left half knows names, numbers and what programs may read of their context; the
// right half knows sites, and fills that context in when a call is made.

// anyCall is the number of an onCall that is for every system call.
const anyCall = -1

// An onCall is one program at one system call, or at all of them.
type onCall struct {
	binding
	exit   bool  // behind the call, not before it
	number int32 // of the call (x86-64), or anyCall
	// context is what the program's context is, one of abi.SYSCALL_* without its
	// direction: SYSCALL_RAW, SYSCALL_TRACEPOINT or SYSCALL_KSYSCALL. It is read-only:
	// the verifier has to refuse a program that writes there.
	context uint32
}

// systemCall turns a binding to a system call into a request for its sites.
func (c *compiler) systemCall(b binding) {
	call, err := callOf(b.spec)
	if err != nil {
		c.fail(b, err)
		return
	}
	call.binding = b
	c.partial[b.link] = true // some sites cannot be rewritten
	c.onCalls = append(c.onCalls, call)
}

// callOf is what a specification of a system call asks for; but for the binding.
func callOf(s config.Spec) (onCall, error) {
	call := onCall{exit: s.OnReturn(), number: anyCall, context: contextKind(s.Kind)}
	if s.Syscall == "" {
		return call, nil
	}
	known, ok := syscalls.ByName(s.Syscall)
	if !ok {
		return onCall{}, fmt.Errorf("%q is no system call", s.Syscall)
	}
	call.number = int32(known.Number)
	return call, nil
}

// contextKind is by which of its layouts a program is given the call.
func contextKind(k config.Kind) uint32 {
	switch k {
	case config.Tracepoint:
		return abi.SYSCALL_TRACEPOINT
	case config.Ksyscall, config.Kretsyscall:
		return abi.SYSCALL_KSYSCALL
	}
	return abi.SYSCALL_RAW
}

// onCallKind tells which specifications are for system calls.
func onCallKind(k config.Kind) bool {
	switch k {
	case config.Tracepoint, config.RawTracepoint, config.BTFTracepoint, config.Ksyscall, config.Kretsyscall:
		return true
	}
	return false
}
