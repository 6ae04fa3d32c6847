package survey

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
)

// A Reason is why some sites cannot be patched. A function that is refused at its
// entry has no probe at its return either.
type Reason struct {
	Why           string // what differs from site to site is written as …
	Entry, Return int    // functions refused there for it
	Syscall, USDT int
	Examples      []string // by name where they have one
}

// total is how many sites there are: an entry and its return are one.
func (r Reason) total() int { return max(r.Entry, r.Return) + r.Syscall + r.USDT }

// Reasons groups refusals, the most frequent first. Cold parts are not counted: nobody
// calls them.
func (s Survey) Reasons() []Reason {
	var gs groups
	for _, fn := range s.Functions {
		if fn.Part {
			continue
		}
		if !fn.Entry.OK() {
			gs.of(fn.Entry.Why, fn.Name, fn.Vaddr).Entry++
		}
		if !fn.Return.OK() {
			gs.of(fn.Return.Why, fn.Name, fn.Vaddr).Return++
		}
	}
	for _, c := range s.Syscalls {
		if !c.OK() {
			gs.of(c.Why, c.Place, c.Vaddr).Syscall++
		}
	}
	for _, m := range s.Markers {
		if !m.OK() {
			gs.of(m.Why, m.title(), m.Addr).USDT++
		}
	}
	return gs.sorted()
}

type groups struct {
	all       []*group
	byPattern map[string]*group
}

func (gs *groups) sorted() []Reason {
	slices.SortStableFunc(gs.all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.total(), a.total()), cmp.Compare(a.pattern, b.pattern))
	})
	out := make([]Reason, len(gs.all))
	for i, g := range gs.all {
		out[i] = g.Reason
		out[i].Examples = append(g.Examples, g.nameless[:min(len(g.nameless), maxExamples-len(g.Examples))]...)
	}
	return out
}

type group struct {
	Reason
	pattern  string
	last     uint64 // site counted last
	nameless []string
}

// of is the group of a reason, with a site among its examples.
func (gs *groups) of(why, name string, vaddr uint64) *group {
	pattern := patternOf(why)
	g := gs.byPattern[pattern]
	if g == nil {
		g = &group{Reason: Reason{Why: why}, pattern: pattern, last: ^vaddr}
		if gs.byPattern == nil {
			gs.byPattern = map[string]*group{}
		}
		gs.byPattern[pattern] = g
		gs.all = append(gs.all, g)
	}
	if g.Why != why {
		g.Why = pattern
	}
	if g.last != vaddr {
		g.example(name, vaddr)
	}
	g.last = vaddr
	return g
}

// maxExamples is how many sites a Reason names.
const maxExamples = 3

func (g *group) example(name string, vaddr uint64) {
	switch {
	case name == "" && len(g.nameless) < maxExamples:
		g.nameless = append(g.nameless, fmt.Sprintf("%#x", vaddr))
	case name != "" && len(g.Examples) < maxExamples:
		g.Examples = append(g.Examples, name)
	}
}

// What differs between reasons of one kind: where, which adds nothing, and addresses,
// offsets, the bytes of an instruction, numbers.
var (
	where      = regexp.MustCompile(` \(\+?0x[0-9a-f]+(?:, in code that it jumps on to)?\)`)
	particular = regexp.MustCompile(`\+?0x[0-9a-f]+|\([0-9a-f]{2,}\)|\b[0-9]+\b`)
)

func patternOf(why string) string {
	return particular.ReplaceAllString(where.ReplaceAllString(why, ""), "…")
}
