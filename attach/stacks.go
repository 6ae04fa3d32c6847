package attach

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/internal/procmaps"
	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/vm/object"
)

// Helpers that walk up the stack.
const (
	getStackID = 27
	getStack   = 67
)

func asksForStacks(p *object.Program) bool { return where(p, getStackID, getStack) != "" }

func (c *compiler) asksForStacks() bool {
	return slices.ContainsFunc(c.bindings, func(b binding) bool { return b.code.stacks }) ||
		slices.ContainsFunc(c.onCalls, func(o onCall) bool { return o.code.stacks })
}

// stacks adds the unwind tables of all modules to the plan, when a program asks for
// stacks: those that are loaded, and those that are compiled for. A module without one
// ends a walk, or is walked through by frame pointers.
func (c *compiler) stacks() {
	if !c.asksForStacks() {
		return
	}
	c.keepModules()
	for _, m := range slices.Concat(c.Modules, c.late) {
		if m.File == nil || slices.ContainsFunc(c.plan.Maps, func(other plan.Map) bool { return other.Path == c.tables[m.Path] }) {
			continue
		}
		path, size, err := makeTable(filepath.Join(c.Dir, "unwind"), m)
		if err != nil {
			c.Log(stackLevel(err), fmt.Sprintf("stacks that lead through %s may end there: %v", m.Path, err))
			continue
		}
		c.tables[m.Path] = path
		c.plan.Maps = append(c.plan.Maps, plan.Map{Path: path, Size: size})
	}
}

// keepModules leaves in the session where modules lie, so that stacks can be shown by name.
func (c *compiler) keepModules() {
	modules, keep := c.Modules, session.KeepModules
	if c.Late {
		modules, keep = c.arrivals(), session.AddModules
	}
	var list []session.Module
	for _, m := range modules {
		if m.File != nil {
			list = append(list, session.Module{Lo: m.Lo, Hi: m.Hi, Bias: m.Bias, BuildID: m.File.BuildID(), Path: m.Path})
		}
	}
	if err := keep(c.Dir, c.PID, list); err != nil {
		c.Log(abi.LEVEL_WARN, fmt.Sprintf("stacks are shown without names: %v", err))
	}
}

// errNotNew is why a module is not looked at again.
var errNotNew = errors.New("it was there before")

// arrivals are the modules that came later, with where they lie.
func (c *compiler) arrivals() []*elfsym.Module {
	ms, err := procmaps.Read(c.PID)
	if err != nil {
		return nil // they have no names then
	}
	all, _ := elfsym.Modules(ms, func(path string) (*elfsym.File, error) {
		for _, m := range c.Modules {
			if m.Path == path && m.File != nil {
				return m.File, nil
			}
		}
		return nil, errNotNew
	})
	return all
}

// stackLevel: that a module has none is no trouble of anybody's.
func stackLevel(err error) uint32 {
	if errors.Is(err, errNoRows) {
		return abi.LEVEL_DEBUG
	}
	return abi.LEVEL_WARN
}
