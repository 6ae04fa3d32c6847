package attach

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/elfsym"
)

// touched is a module that has sites.
type touched struct {
	*elfsym.Module
	sites map[uint64]*programs // by the virtual address in the file
	order []uint64             // as they were met
}

// programs are those of one site, in the order of the manifest: of the function that
// begins there, or of an instruction inside one.
type programs struct {
	entry, ret, at []binding
	session        []binding // both entry and return
	semaphores     []uint64  // of the markers there
}

// resolve turns a binding's specification into sites.
func (c *compiler) resolve(b binding) {
	if onCallKind(b.spec.Kind) {
		c.systemCall(b)
		return
	}
	var first *elfsym.Module
	for _, m := range c.Modules {
		switch {
		case !m.Match(b.spec.Path):
		case first != nil && first.File != nil && first.File == m.File: // again, by dlmopen: its unit is for both
		case c.isSelf(m):
			first = m
			c.fail(b, fmt.Errorf("%s is the agent itself", m.Path))
		default:
			first = m
			c.functions(b, m)
		}
	}
	switch {
	case first != nil || c.Late:
	case strings.HasPrefix(b.spec.Path, "/"):
		c.notLoaded(b)
	default:
		c.unnamed = append(c.unnamed, b)
	}
}

// notLoaded compiles now for a file that is on disk; one that is not there yet is
// waited for.
func (c *compiler) notLoaded(b binding) {
	path, err := filepath.EvalSymlinks(b.spec.Path)
	if err != nil {
		c.wish(b.spec.Path)
		return
	}
	m, err := c.lateModule(path)
	if err != nil {
		c.fail(b, err)
		return
	}
	c.functions(b, m)
}

// lateModule is a file that is not mapped; it is opened once.
func (c *compiler) lateModule(path string) (*elfsym.Module, error) {
	for _, m := range c.late {
		if m.Path == path {
			return m, nil
		}
	}
	f, err := elfsym.Open(path)
	if err != nil {
		return nil, err
	}
	m := &elfsym.Module{Path: path, File: f}
	c.late = append(c.late, m)
	return m, nil
}

// resolveNames attaches names that no loaded module has to the files that are
// compiled for anyway, so that a module has one unit, and waits for others.
func (c *compiler) resolveNames() {
	for _, b := range c.unnamed {
		for _, m := range c.late {
			if m.Match(b.spec.Path) {
				c.functions(b, m)
			}
		}
		c.wish(b.spec.Path)
	}
}

func (c *compiler) wish(path string) {
	for _, w := range c.plan.Wants {
		if w == path {
			return
		}
	}
	c.plan.Wants = append(c.plan.Wants, path)
}

// functions adds the binding to every function of the module that it means.
func (c *compiler) functions(b binding, m *elfsym.Module) {
	switch {
	case m.File == nil:
		c.fail(b, m.Err)
	case b.spec.Multi():
		c.matching(b, m)
	case b.spec.Kind == config.USDT:
		c.markers(b, m)
	default:
		c.named(b, m)
	}
}

// named adds the binding to every function of that name.
func (c *compiler) named(b binding, m *elfsym.Module) {
	symbols, err := m.File.Lookup(b.spec.Symbol)
	if err != nil {
		if strings.ContainsAny(b.spec.Symbol, "*?") {
			err = fmt.Errorf("%w; patterns are for uprobe.multi/ and uretprobe.multi/", err)
		}
		c.fail(b, err)
		return
	}
	for _, s := range symbols {
		addr, err := c.entry(m, s)
		if err == nil {
			addr, err = b.instruction(m, addr)
		}
		if err != nil {
			c.fail(b, err)
		} else {
			c.add(b, m, addr)
		}
	}
}

// entry is where the function of a symbol begins.
func (c *compiler) entry(m *elfsym.Module, s elfsym.Symbol) (uint64, error) {
	switch {
	case s.Cold:
		return 0, fmt.Errorf("%s is a cold part, entered by a jump out of its function: probe the function", s.Name)
	case s.IFunc:
		return c.ifunc(m, s)
	}
	return s.Value, nil
}

// instruction is where the specification's offset leads in the function at addr.
func (b binding) instruction(m *elfsym.Module, addr uint64) (uint64, error) {
	off := b.spec.Offset
	if fn, ok := m.File.FuncAt(addr); ok && off >= fn.Hi-addr {
		return 0, fmt.Errorf("%s ends at +%#x: +%#x is not in it", b.spec.Symbol, fn.Hi-addr, off)
	}
	return addr + off, nil
}

// ifunc asks the symbol's resolver for the function that this process uses.
func (c *compiler) ifunc(m *elfsym.Module, s elfsym.Symbol) (uint64, error) {
	if c.IFunc == nil || m.Lo == 0 {
		return 0, fmt.Errorf("%s is an IFUNC of a module that is not loaded yet: which of its implementations is used is not known before: name the implementation", s.Name)
	}
	addr, err := c.IFunc(s.Value + m.Bias)
	if err != nil {
		return 0, fmt.Errorf("%s is an IFUNC: %w", s.Name, err)
	}
	if addr < m.Lo || addr >= m.Hi {
		return 0, fmt.Errorf("%s is an IFUNC whose implementation lies in another module, at %#x", s.Name, addr)
	}
	return addr - m.Bias, nil
}

func (c *compiler) add(b binding, m *elfsym.Module, addr uint64) *programs {
	t := c.touch(m)
	p := t.sites[addr]
	if p == nil {
		p = &programs{}
		t.sites[addr] = p
		t.order = append(t.order, addr)
	}
	switch {
	case b.onReturn():
		p.ret = append(p.ret, b)
	case b.spec.Kind == config.UprobeSession:
		p.session = append(p.session, b)
	case b.spec.Offset != 0 || b.inside:
		p.at = append(p.at, b)
	default:
		p.entry = append(p.entry, b)
	}
	return p
}

func (c *compiler) touch(m *elfsym.Module) *touched {
	for _, t := range c.modules {
		if t.Module == m {
			return t
		}
	}
	t := &touched{Module: m, sites: map[uint64]*programs{}}
	c.modules = append(c.modules, t)
	return t
}
