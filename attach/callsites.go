package attach

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/syscallhook"
	"github.com/bpftime-go/bpftime/trampoline"
)

// findCalls finds where programs' system calls are made, or may be, in every module, and
// gives those a unit. Without such programs no file is read for it.
func (c *compiler) findCalls() {
	if len(c.onCalls) == 0 {
		return
	}
	c.plan.Calls = true
	c.sites = map[*elfsym.File][]syscallhook.Site{}
	for _, m := range slices.Concat(c.Modules, c.late) {
		if c.isSelf(m) || (m.File != nil && c.sites[m.File] != nil) {
			continue
		}
		if err := c.findCallsIn(m); err != nil {
			c.Log(abi.LEVEL_WARN, fmt.Sprintf("%s: its system calls are not seen: %v", m.Path, err))
		}
	}
}

func (c *compiler) findCallsIn(m *elfsym.Module) error {
	if m.File == nil {
		return m.Err
	}
	all, err := c.siteList(m)
	if err != nil {
		return err
	}
	c.sites[m.File] = []syscallhook.Site{}
	for _, s := range all {
		if !c.asked(s.Number) {
			continue
		}
		if s.Tactic != syscallhook.Trap {
			if err := c.asInFile(m, s.Lo, s.Hi); err != nil {
				s.Tactic, s.Why = syscallhook.Trap, err.Error()
			}
		}
		c.sites[m.File] = append(c.sites[m.File], s)
	}
	if len(c.sites[m.File]) > 0 {
		c.touch(m)
	}
	return nil
}

// asked tells whether a program is for a call of that number, or may be.
func (c *compiler) asked(n syscallhook.Number) bool {
	return c.plan.Dispatch && n.Twice() || slices.ContainsFunc(c.onCalls, func(call onCall) bool { return call.at(n) })
}

func (o *onCall) at(n syscallhook.Number) bool {
	return !n.Known || o.number == anyCall || o.number == n.Value
}

// watched tells whether a site is rewritten for programs.
func (c *compiler) watched(m *elfsym.Module, s syscallhook.Site) bool {
	return slices.ContainsFunc(c.sites[m.File], func(w syscallhook.Site) bool { return w.Vaddr == s.Vaddr && w.Tactic != syscallhook.Trap })
}

// rewriteCalls has the sites of one module lead to the programs, before its functions are
// probed: a function may begin with one.
func (c *compiler) rewriteCalls(u *unit, m *elfsym.Module) error {
	sites := c.sites[m.File]
	if len(sites) == 0 {
		return nil
	}
	calls, err := syscallhook.NewCalls(u.Arena, u.callPrograms(c.onCalls), syscallhook.Options{Guard: c.plan.Traps || c.plan.Reads || c.plan.Dispatch, Dispatch: c.plan.Dispatch}, sites)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	if err := c.dispatchTo(u, calls); err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	if at, ok := calls.Came(); ok && !u.Late && !c.came {
		u.Came, c.came = at, true
	}
	var t tally
	for _, s := range sites {
		err := c.rewriteCall(calls, s)
		t.count(err == nil, c.plan.Dispatch && !s.IsSignalReturn())
		if err != nil {
			c.unseen(m, s, err)
		}
	}
	c.Log(abi.LEVEL_INFO, fmt.Sprintf("%s: %v", m.Path, t))
	return nil
}

// A tally is what becomes of the system calls of a module that something is to be done at.
type tally struct{ rewritten, dispatched, unseen int }

func (t *tally) count(rewritten, dispatched bool) {
	switch {
	case rewritten:
		t.rewritten++
	case dispatched:
		t.dispatched++
	default:
		t.unseen++
	}
}

func (t tally) String() string {
	return fmt.Sprintf("%d system calls, %d rewritten, %d dispatched, %d unseen", t.rewritten+t.dispatched+t.unseen, t.rewritten, t.dispatched, t.unseen)
}

// dispatchTo has one unit of a module that stays take the calls of sites that are not rewritten.
func (c *compiler) dispatchTo(u *unit, calls *syscallhook.Calls) (err error) {
	if !c.plan.Dispatch || c.Late || u.Late || c.dispatched {
		return nil
	}
	c.dispatched = true
	u.Dispatch, err = calls.Dispatched()
	return err
}

func (c *compiler) rewriteCall(calls *syscallhook.Calls, s syscallhook.Site) error {
	if s.Tactic == syscallhook.Trap {
		return fmt.Errorf("%s", s.Why)
	}
	if err := calls.Rewrite(s); err != nil {
		return err
	}
	for _, o := range c.onCalls {
		if o.at(s.Number) {
			c.plan.Links[o.link].Tactic |= syscallTactic(s)
			c.plan.Links[o.link].Calls++
		}
	}
	return nil
}

func syscallTactic(s syscallhook.Site) uint32 {
	if s.Tactic == syscallhook.Short {
		return abi.TACTIC_SHORT
	}
	return abi.TACTIC_JUMP
}

// unseen tells the programs that a site is for that they will not run there.
func (c *compiler) unseen(m *elfsym.Module, s syscallhook.Site, err error) {
	for _, o := range c.onCalls {
		if c.plan.Dispatch && !s.IsSignalReturn() {
			continue
		}
		if o.at(s.Number) && !(s.IsSignalReturn() && o.number == anyCall) {
			c.fail(o.binding, fmt.Errorf("%s: the system call at %#x is not seen: %w", m.Path, s.Vaddr, err))
		}
	}
}

// callPrograms writes the code of programs at system calls into the unit, in the order in
// which the kernel runs theirs: kprobes are inside of tracepoints.
func (u *unit) callPrograms(calls []onCall) (out []syscallhook.Program) {
	calls = slices.Clone(calls)
	slices.SortStableFunc(calls, func(a, b onCall) int {
		return cmp.Or(cmp.Compare(a.depth(), b.depth()), cmp.Compare(a.link, b.link))
	})
	for _, o := range calls {
		kind := o.context
		if o.exit {
			kind += abi.SYSCALL_EXIT
		}
		out = append(out, syscallhook.Program{
			Program: trampoline.Program{Link: o.link, Code: u.put(o.code) + uint32(o.code.Entry), Cookie: o.cookie, Context: kind},
			Number:  o.number, Exit: o.exit,
		})
	}
	return out
}

// depth is how far inside of the call a program runs: outer ones come first before the
// call, and last behind it.
func (o *onCall) depth() int {
	depth := 0
	if o.context == abi.SYSCALL_KSYSCALL {
		depth = 1
	}
	if o.exit {
		return -depth
	}
	return depth
}
