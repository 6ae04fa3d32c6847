package attach

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/trampoline"
)

// unit is one module's part of the plan while it is written.
type unit struct {
	*trampoline.Arena
	code map[*code]uint32 // programs already in it
}

// units writes one unit for each module that has a site.
func (c *compiler) units() {
	for _, m := range c.touched() {
		u := &unit{trampoline.NewArena(c.newUnit(m), m.File, c.addrs(m)), map[*code]uint32{}}
		for _, s := range c.order {
			if s.module == m {
				c.place(u, s, c.sites[s])
			}
		}
		if len(u.Patches) > 0 {
			c.plan.Units = append(c.plan.Units, u.Unit)
		}
	}
}

// touched lists the modules that have a site, in the order they were met.
func (c *compiler) touched() (out []*elfsym.Module) {
	for _, s := range c.order {
		if !slices.Contains(out, s.module) {
			out = append(out, s.module)
		}
	}
	return out
}

func (c *compiler) addrs(m *elfsym.Module) (out []uint64) {
	for _, s := range c.order {
		if s.module == m {
			out = append(out, s.addr)
		}
	}
	return out
}

// newUnit describes the module so that an applier finds it again: by its build-id,
// or by its path when it has none, or one that a plan has no room for.
func (c *compiler) newUnit(m *elfsym.Module) *plan.Unit {
	id := m.File.BuildID()
	if len(id) > plan.MaxBuildID {
		id = nil
	}
	return &plan.Unit{Path: m.Path, BuildID: id, LoadBase: m.File.LoadBase(), Late: c.Late || m.Lo == 0}
}

func (c *compiler) place(u *unit, s site, p *programs) {
	inOrder(p.entry)
	inOrder(p.ret)
	entry, ret := u.programs(p.entry), u.programs(p.ret)
	e, r := trampoline.Place(u.Arena, s.addr, entry, ret)
	c.outcome(p.entry, s, e)
	c.outcome(p.ret, s, r)
}

// inOrder puts bindings in the order of the manifest: those by name come late.
func inOrder(bs []binding) {
	slices.SortFunc(bs, func(a, b binding) int { return int(a.link) - int(b.link) })
}

func (c *compiler) outcome(bs []binding, s site, o trampoline.Outcome) {
	for _, b := range bs {
		if o.Err != nil {
			c.fail(b, fmt.Errorf("%s+%#x: %w", s.module.Path, s.addr, o.Err))
			continue
		}
		c.plan.Links[b.link].Tactic |= o.Tactic
	}
}

// programs writes the bindings' code into the unit, each program once.
func (u *unit) programs(bs []binding) []trampoline.Program {
	var out []trampoline.Program
	for _, b := range bs {
		at, ok := u.code[b.code]
		if !ok {
			at = b.code.emit(u.Unit)
			u.code[b.code] = at
		}
		out = append(out, trampoline.Program{Link: b.link, Code: at, Cookie: b.cookie, Leaf: b.code.leaf()})
	}
	return out
}

// hook patches the dynamic linker's notification, when a module may come later.
func (c *compiler) hook() error {
	if c.Late || !c.expectsMore() {
		return nil
	}
	linker, addr, err := c.linker()
	if err != nil {
		return err
	}
	if c.sites[site{linker, addr}] != nil {
		return fmt.Errorf("%s: a specification probes _dl_debug_state itself", linker.Path)
	}
	u := c.newUnit(linker)
	u.Hook = true
	if err := trampoline.PlaceHook(trampoline.NewArena(u, linker.File, []uint64{addr}), addr, abi.HELPER_DL_STATE); err != nil {
		return fmt.Errorf("%s: _dl_debug_state: %w", linker.Path, err)
	}
	c.plan.Units = append(c.plan.Units, u)
	return nil
}

func (c *compiler) expectsMore() bool {
	if len(c.plan.Wants) > 0 {
		return true
	}
	for _, u := range c.plan.Units {
		if u.Late {
			return true
		}
	}
	return false
}

// linker finds the module that defines _dl_debug_state: ld.so, or musl's libc.
func (c *compiler) linker() (*elfsym.Module, uint64, error) {
	interp := ""
	for _, m := range c.Modules {
		if m.Main && m.File != nil {
			interp = m.File.Interp()
		}
	}
	for _, m := range c.Modules {
		if interp == "" || m.File == nil || !m.Match(interp) {
			continue
		}
		symbols, err := m.File.Lookup("_dl_debug_state")
		if err != nil {
			return nil, 0, err
		}
		return m, symbols[0].Value, nil
	}
	return nil, 0, errors.New("the dynamic linker is not among the modules")
}
