package attach

import (
	"fmt"
	"slices"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/syscallhook"
	"github.com/bpftime-go/bpftime/trampoline"
)

// guards makes signals ours (law 9) that the manifest asks for, if every system call of
// the process that could block them can be rewritten: SIGTRAP for traps, SIGSEGV and
// SIGBUS for guarded reads, if a program reads. Otherwise there are no traps, the log
// says why, and sites that need one are refused; and the kernel reads for programs.
func (c *compiler) guards() {
	traps, reads := c.Manifest.Traps, c.Manifest.Reads == config.ReadsGuarded && c.reads()
	dispatch := c.Manifest.Syscalls == config.SyscallsComplete && len(c.onCalls) > 0
	if !traps && !reads && !dispatch {
		return
	}
	c.calls = map[*elfsym.File][]syscallhook.Site{}
	for _, m := range c.Modules {
		if err := c.guardable(m); err != nil && !c.Late { // later, they are ours or not since the start
			c.tellUnguarded(traps, reads, dispatch, err)
			c.calls = nil
			return
		}
	}
	c.touchCallers()
	c.plan.Traps, c.plan.Reads, c.plan.Dispatch = traps, reads, dispatch && c.dispatchable()
}

func (c *compiler) tellUnguarded(traps, reads, dispatch bool, err error) {
	if dispatch {
		c.Log(abi.LEVEL_WARN, fmt.Sprintf("system calls are not complete, only those of sites that are rewritten are seen: %v", err))
	}
	if traps {
		c.Log(abi.LEVEL_WARN, fmt.Sprintf("no traps, so what no jump fits into is refused: %v", err))
	}
	if reads {
		c.Log(abi.LEVEL_INFO, fmt.Sprintf("reads are not guarded, so the kernel reads for programs, at a microsecond each: %v", err))
	}
}

// dispatchable tells whether the process can have its system calls dispatched.
func (c *compiler) dispatchable() bool {
	for _, m := range c.Modules {
		if c.isSelf(m) || c.Late {
			continue
		}
		all, err := c.siteList(m)
		if err == nil {
			err = syscallhook.Dispatchable(all)
		}
		if err != nil {
			c.tellUnguarded(false, false, true, fmt.Errorf("%s: %w", m.Path, err))
			return false
		}
	}
	return true
}

// reads tells whether a program reads or writes memory of the host by a helper.
func (c *compiler) reads() bool {
	return slices.ContainsFunc(c.bindings, func(b binding) bool { return b.code.reads })
}

// touchCallers gives every file with such a call a unit.
func (c *compiler) touchCallers() {
	touched := map[*elfsym.File]bool{}
	for _, m := range c.modules {
		touched[m.File] = true
	}
	for _, m := range c.Modules {
		if len(c.calls[m.File]) > 0 && !touched[m.File] {
			touched[m.File] = true
			c.touch(m)
		}
	}
}

// guardable finds the system calls of a module that have to be rewritten.
func (c *compiler) guardable(m *elfsym.Module) error {
	if c.isSelf(m) || c.calls[m.File] != nil {
		return nil
	}
	if m.File == nil {
		return fmt.Errorf("%s: its system calls cannot be found: %w", m.Path, m.Err)
	}
	all, err := c.siteList(m)
	if err == nil {
		err = syscallhook.Guardable(all)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	list := []syscallhook.Site{}
	for _, s := range all {
		if !s.MustGuard() {
			continue
		}
		if err := c.asInFile(m, s.Lo, s.Hi); err != nil {
			return fmt.Errorf("%s: the system call at %#x: %w", m.Path, s.Vaddr, err)
		}
		list = append(list, s)
	}
	c.calls[m.File] = list
	return nil
}

func (c *compiler) asInFile(m *elfsym.Module, lo, hi uint64) error {
	if c.Peek == nil || m.Lo == 0 {
		return nil
	}
	orig, err := m.File.Bytes(lo, int(hi-lo))
	if err != nil {
		return err
	}
	return c.intact(m, lo, orig)
}

// guard rewrites the system calls of one module, before its functions are probed: a
// function may begin with one. Of a module that is not loaded yet, those that can be.
func (c *compiler) guard(a *trampoline.Arena, m *elfsym.Module) error {
	if !c.plan.Traps && !c.plan.Reads && !c.plan.Dispatch {
		return nil
	}
	if err := c.guardable(m); err != nil {
		c.Log(abi.LEVEL_WARN, fmt.Sprintf("a trap, or a read of a bad address, may kill a thread that blocks its signal by itself: %v", err))
	}
	for _, s := range c.calls[m.File] {
		if c.watched(m, s) {
			continue
		}
		if err := syscallhook.Guard(a, s); err != nil {
			return fmt.Errorf("%s: the system call at %#x: %w", m.Path, s.Vaddr, err)
		}
	}
	return nil
}

// isSelf: the agent's own code is not patched. Its system calls mean what they say.
func (c *compiler) isSelf(m *elfsym.Module) bool { return m.Lo <= c.Self && c.Self < m.Hi }
