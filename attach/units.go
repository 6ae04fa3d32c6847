package attach

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/internal/procmaps"
	"github.com/bpftime-go/bpftime/trampoline"
)

// unit is one module's part of the plan while it is written.
type unit struct {
	*trampoline.Arena
	code  map[*code]uint32  // programs already in it
	tails map[family]uint32 // and the stubs of tail calls
}

// units writes one unit for each module that has a site.
func (c *compiler) units() error {
	for _, m := range c.modules {
		u := &unit{c.arena(c.newUnit(m.Module), m.Module, m.order), map[*code]uint32{}, map[family]uint32{}}
		if err := c.rewriteCalls(u, m.Module); err != nil {
			return err
		}
		if err := c.guard(u.Arena, m.Module); err != nil {
			return err
		}
		c.placeAll(u, m)
		if len(u.Patches) > 0 {
			c.plan.Units = append(c.plan.Units, u.Unit)
		}
	}
	return nil
}

func (c *compiler) arena(u *plan.Unit, m *elfsym.Module, addrs []uint64) *trampoline.Arena {
	a := trampoline.NewArena(u, m.File, addrs)
	a.Copier = c.copier()
	a.Traps = c.plan.Traps
	for _, other := range c.plan.Units {
		if other.Path == u.Path {
			a.Avoid(other.Patches)
		}
	}
	if c.Peek != nil && m.Lo != 0 {
		a.Intact = func(addr uint64, orig []byte) error { return c.intact(m, addr, orig) }
	}
	if c.Maps != nil && m.Lo != 0 {
		a.Vacant = func(page uint64) bool { return c.vacant(m, page) }
	}
	return a
}

// copier is the file of a module that copies stacks; "" when there is none.
func (c *compiler) copier() string {
	for _, m := range c.Modules {
		for _, word := range strings.Split(abi.SHADOW_FOES, ",") {
			if base := filepath.Base(m.Path); strings.Contains(base, word) {
				return base
			}
		}
	}
	return ""
}

// uses tells whether a site is patched by the tactic.
func (c *compiler) uses(tactic uint32) bool {
	return slices.ContainsFunc(c.plan.Links, func(l plan.Link) bool { return l.Tactic&tactic != 0 })
}

// intact tells why text is not to be patched: it is not the file's, or not any more.
// That concerns one site here; whoever applies the plan could only refuse all of it.
func (c *compiler) intact(file *elfsym.Module, addr uint64, orig []byte) error {
	there := make([]byte, len(orig))
	for _, m := range c.Modules {
		if m.File != file.File {
			continue
		}
		at := m.Bias + addr
		if err := filesText(m, at, at+uint64(len(orig))); err != nil {
			return err
		}
		if err := c.Peek(at, there); err != nil {
			return err
		}
		if !bytes.Equal(there, orig) {
			return fmt.Errorf("other bytes than in the file (%x, not %x): somebody else has patched here", there, orig)
		}
		if c.punned(m, addr) {
			return errors.New("the jump that somebody else has put right before ends in these bytes")
		}
	}
	return nil
}

// filesText: all of [lo, hi) is the module's own private r-x text (law 7).
func filesText(m *elfsym.Module, lo, hi uint64) error {
	i, _ := slices.BinarySearchFunc(m.Mappings, lo, func(v procmaps.Mapping, lo uint64) int { return cmp.Compare(v.Hi, lo+1) })
	for ; lo < hi; i++ {
		if i == len(m.Mappings) || m.Mappings[i].Lo > lo {
			return errors.New("the page is not the file's own text any more")
		}
		if v := m.Mappings[i]; !v.Read || v.Write || !v.Exec || v.Shared {
			return fmt.Errorf("the page is %s, not the file's own private r-x text", v.Perms())
		}
		lo = m.Mappings[i].Hi
	}
	return nil
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

// A group is the sites of one function that have no outcome yet. What cannot be placed
// at first is tried once more when all others are, with a detour.
type group struct {
	addr   uint64
	placed bool     // its entry and return are
	at     []uint64 // instructions inside it
}

// groups are the sites of a module by the function they are in, as they were met.
func (m *touched) groups() (out []*group) {
	byAddr := map[uint64]*group{}
	find := func(addr uint64) *group {
		g := byAddr[addr]
		if g == nil {
			g = &group{addr: addr}
			byAddr[addr], out = g, append(out, g)
		}
		return g
	}
	for _, addr := range m.order {
		p := m.sites[addr]
		if p.ends() > 0 {
			find(addr)
		}
		if len(p.at) > 0 {
			lo := addr
			if fn, ok := m.File.FuncAt(addr); ok {
				lo = fn.Lo
			}
			g := find(lo)
			g.at = append(g.at, addr)
		}
	}
	return out
}

// placeAll places the sites of a module: those that need a detour come last, so
// that no other's bytes are in its way.
func (c *compiler) placeAll(u *unit, m *touched) {
	var left []*group
	for i, g := range m.groups() {
		if i%progressEvery == 0 {
			c.progress()
		}
		if g = c.place(u, m, g, false); g != nil {
			left = append(left, g)
		}
	}
	u.Last()
	for _, g := range left {
		c.place(u, m, g, true)
	}
}

// progressEvery is after how many functions progress is told: some milliseconds.
const progressEvery = 64

func (c *compiler) progress() {
	if c.Progress != nil {
		c.Progress()
	}
}

// place puts the programs of a function into the unit. Unless it is the last word, it
// returns what was refused: the entry, with the return, or points.
func (c *compiler) place(u *unit, m *touched, g *group, last bool) *group {
	ends := m.sites[g.addr]
	if ends == nil || g.placed {
		ends = &programs{}
	}
	o := trampoline.PlaceAll(u.Arena, g.addr, u.probes(m, g, ends))
	left := &group{addr: g.addr, placed: true}
	if ends.ends() > 0 {
		left.placed = c.settle(u, m, g.addr, ends.entry, o.Entry, last)
		if left.placed {
			c.outcome(ends.ret, m, g.addr, o.Return)
			c.outcome(ends.session, m, g.addr, o.Session)
		}
	}
	for i, addr := range g.at {
		if !c.settle(u, m, addr, m.sites[addr].at, o.At[i], last) {
			left.at = append(left.at, addr)
		}
	}
	if left.placed && len(left.at) == 0 {
		return nil
	}
	return left
}

func (p *programs) ends() int { return len(p.entry) + len(p.ret) + len(p.session) }

func (u *unit) probes(m *touched, g *group, ends *programs) trampoline.Probes {
	p := trampoline.Probes{Entry: u.programs(ends.entry), Return: u.programs(ends.ret), Session: u.programs(ends.session)}
	for _, addr := range g.at {
		p.At = append(p.At, trampoline.Point{Addr: addr, Programs: u.programs(m.sites[addr].at)})
	}
	return p
}

// settle notes an outcome. false: it is a refusal, and not the last word.
func (c *compiler) settle(u *unit, m *touched, addr uint64, bs []binding, o trampoline.Outcome, last bool) bool {
	if o.Err != nil && !last {
		return false
	}
	c.outcome(bs, m, addr, o)
	u.announce(bs, m.sites[addr].semaphores, o)
	return true
}

// announce has semaphores say that somebody listens to their markers.
func (u *unit) announce(bs []binding, semaphores []uint64, o trampoline.Outcome) {
	for _, vaddr := range semaphores {
		if len(bs) > 0 && o.Err == nil && !slices.Contains(u.Semaphores, vaddr) {
			u.Semaphores = append(u.Semaphores, vaddr)
		}
	}
}

// inOrder puts bindings in the order of the manifest: those by name come late.
func inOrder(bs []binding) {
	slices.SortFunc(bs, func(a, b binding) int { return int(a.link) - int(b.link) })
}

func (c *compiler) outcome(bs []binding, m *touched, addr uint64, o trampoline.Outcome) {
	for _, b := range bs {
		if o.Err != nil {
			c.fail(b, fmt.Errorf("%s+%#x: %w", m.Path, addr, o.Err))
			continue
		}
		c.plan.Links[b.link].Tactic |= o.Tactic
	}
}

// programs writes the bindings' code into the unit, each program once.
func (u *unit) programs(bs []binding) []trampoline.Program {
	var out []trampoline.Program
	inOrder(bs)
	for _, b := range bs {
		out = append(out, trampoline.Program{Link: b.link, Code: u.put(b.code) + uint32(b.code.Entry), Cookie: b.cookie, Leaf: b.code.leaf(),
			Writes: b.code.writes, Overrides: b.code.overrides != ""})
	}
	return out
}

// hook patches the dynamic linker's notification, when a module may come later.
func (c *compiler) hook() error {
	if c.Late || !c.plan.Calls && !c.expectsMore() {
		return nil
	}
	linker, addr, err := c.linker()
	if err != nil && !c.expectsMore() { // nor will there be modules
		return nil
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(c.modules, func(t *touched) bool { return t.Module == linker && t.sites[addr] != nil }) {
		return fmt.Errorf("%s: a specification probes _dl_debug_state itself", linker.Path)
	}
	u := c.newUnit(linker)
	u.Hook = true
	a := c.arena(u, linker, []uint64{addr})
	if err := trampoline.PlaceHook(a, addr, abi.HELPER_DL_STATE); err != nil {
		return fmt.Errorf("%s: _dl_debug_state: %w", linker.Path, err)
	}
	c.plan.Units = append(c.plan.Units, u)
	return nil
}

func (c *compiler) expectsMore() bool {
	if len(c.plan.Wants) > 0 || c.uses(abi.TACTIC_RETURN_D) || c.asksForStacks() {
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
