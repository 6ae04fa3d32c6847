package syscallhook

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Options are what a process does with its system calls beside running programs.
type Options struct {
	Guard    bool // signals are ours, and calls that touch them are guarded
	Dispatch bool // calls of sites that are not rewritten are dispatched, see Calls.Site
}

// Dispatchable says why system calls of a module cannot be dispatched: who makes one without a
// stack has no room for the signal. nil: they can.
func Dispatchable(sites []Site) error {
	for _, s := range sites {
		if s.Why == whyStack {
			return fmt.Errorf("the system call at %#x cannot be dispatched: %s", s.Vaddr, s.Why)
		}
	}
	return nil
}

// Twice tells whether a call comes back twice: where others are dispatched it has a stub.
func (n Number) Twice() bool {
	return n.Known && n.Value != unix.SYS_RT_SIGRETURN && slices.Contains(twice, n.Value)
}

// guards tells whether the agent makes a call for the host.
func (c *Calls) guards(nr int32) bool {
	return c.guard && slices.Contains(guarded, nr) || c.dispatch && nr == unix.SYS_SECCOMP
}

// Dispatched appends the struct bpftime_call_site for calls that are dispatched, and
// returns where it is.
func (c *Calls) Dispatched() (at uint32, err error) {
	return at, c.a.Write(func() error {
		at = (&callWriter{c, Site{}}).site(Number{})
		return nil
	})
}
