package attach

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/elfsym"
)

// A site is a function of a module.
type site struct {
	module *elfsym.Module
	addr   uint64 // virtual address in the file
}

// programs are those of one site, in the order of the manifest.
type programs struct{ entry, ret []binding }

// resolve turns a binding's specification into sites.
func (c *compiler) resolve(b binding) {
	var first *elfsym.Module
	for _, m := range c.Modules {
		switch {
		case !m.Match(b.spec.Path):
		case first != nil && first.File != nil && first.File == m.File: // again, by dlmopen: its unit is for both
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

// functions adds the binding to every function of that name in the module.
func (c *compiler) functions(b binding, m *elfsym.Module) {
	if m.File == nil {
		c.fail(b, m.Err)
		return
	}
	symbols, err := m.File.Lookup(b.spec.Symbol)
	if err != nil {
		c.fail(b, err)
		return
	}
	for _, s := range symbols {
		if s.Cold {
			c.fail(b, fmt.Errorf("%s is a cold part, entered by a jump out of its function: probe the function", s.Name))
			continue
		}
		addr := s.Value
		if s.IFunc {
			if addr, err = c.ifunc(m, s); err != nil {
				c.fail(b, err)
				continue
			}
		}
		c.add(b, site{m, addr})
	}
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

func (c *compiler) add(b binding, s site) {
	p := c.sites[s]
	if p == nil {
		p = &programs{}
		c.sites[s] = p
		c.order = append(c.order, s)
	}
	if b.spec.Kind == config.Uretprobe {
		p.ret = append(p.ret, b)
	} else {
		p.entry = append(p.entry, b)
	}
}
