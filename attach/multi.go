package attach

import (
	"fmt"
	"slices"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
)

// matching adds the binding to every function of the module whose name matches, and
// to each once: several names may lead to one. Nobody named them one by one, so what
// is no function of this module is left out, and only counted.
func (c *compiler) matching(b binding, m *elfsym.Module) {
	symbols, cold, err := m.File.GlobAll(b.spec.Pattern())
	if err != nil {
		c.fail(b, err)
		return
	}
	cookies := c.cookiesIn(b, m)
	met, ifuncs := map[uint64]bool{}, 0
	for _, s := range symbols {
		addr, err := c.entry(m, s)
		switch {
		case err != nil:
			ifuncs++
		case !met[addr]:
			met[addr] = true
			c.add(b.with(cookies[addr]), m, addr)
		}
	}
	if len(met) == 0 {
		c.fail(b, fmt.Errorf("%s: pattern %q matches %d IFUNCs and no other function: name one, without a pattern", m.Path, b.spec.Pattern(), ifuncs))
	}
	if ifuncs+cold > 0 {
		c.Log(abi.LEVEL_INFO, fmt.Sprintf("%s: %s: %d functions; left out: %d IFUNCs and %d cold parts", c.plan.Links[b.link].Name, m.Path, len(met), ifuncs, cold))
	}
}

// namedCookie is what one function's programs get for a cookie.
type namedCookie struct {
	config.Cookie
	used bool
}

func namedCookies(in []config.Cookie) (out []*namedCookie) {
	for _, k := range in {
		out = append(out, &namedCookie{Cookie: k})
	}
	return out
}

// with is the binding at a function that may have a cookie of its own.
func (b binding) with(k *namedCookie) binding {
	if k != nil {
		b.cookie, k.used = k.Value, true
	}
	return b
}

// cookiesIn finds the functions that have a cookie of their own. A name that is not
// here may be in another module.
func (c *compiler) cookiesIn(b binding, m *elfsym.Module) map[uint64]*namedCookie {
	byAddr := map[uint64]*namedCookie{}
	for _, k := range b.cookies {
		symbols, _ := m.File.Lookup(k.Name)
		for _, s := range symbols {
			if addr, err := c.entry(m, s); err == nil {
				byAddr[addr] = k
			}
		}
	}
	return byAddr
}

// unusedCookies tells of cookies for functions that are not probed: a name that is
// misspelled. In a module that is still to come there may be such a function.
func (c *compiler) unusedCookies() {
	for _, b := range c.bindings {
		if c.Late || slices.Contains(c.plan.Wants, b.spec.Path) {
			continue
		}
		for _, k := range b.cookies {
			if !k.used {
				c.partial[b.link] = false // that is a mistake, not a function
				c.fail(b, fmt.Errorf("cookies: no function %s is among those that match", k.Name))
			}
		}
	}
}
