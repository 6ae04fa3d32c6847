package survey

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
)

// A Reason is why some functions cannot be probed. A function that is refused at its
// entry has no probe at its return either.
type Reason struct {
	Why           string   // what differs from function to function is written as …
	Entry, Return int      // functions refused there for it
	Examples      []string // functions, by name where they have one
}

// maxExamples is how many functions a Reason names.
const maxExamples = 3

// Reasons groups refusals, the most frequent first. Cold parts are not counted: nobody
// calls them.
func Reasons(fns []Function) []Reason {
	var groups groups
	for _, fn := range fns {
		if fn.Part {
			continue
		}
		if !fn.Entry.OK() {
			groups.of(fn, fn.Entry.Why).Entry++
		}
		if !fn.Return.OK() {
			groups.of(fn, fn.Return.Why).Return++
		}
	}
	slices.SortStableFunc(groups.all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(max(b.Entry, b.Return), max(a.Entry, a.Return)), cmp.Compare(a.pattern, b.pattern))
	})
	out := make([]Reason, len(groups.all))
	for i, g := range groups.all {
		out[i] = g.Reason
		out[i].Examples = append(g.Examples, g.nameless[:min(len(g.nameless), maxExamples-len(g.Examples))]...)
	}
	return out
}

type groups struct {
	all       []*group
	byPattern map[string]*group
}

type group struct {
	Reason
	pattern  string
	last     uint64 // function counted last
	nameless []string
}

// of is the group of a reason, with fn among its examples.
func (gs *groups) of(fn Function, why string) *group {
	pattern := patternOf(why)
	g := gs.byPattern[pattern]
	if g == nil {
		g = &group{Reason: Reason{Why: why}, pattern: pattern, last: ^fn.Vaddr}
		if gs.byPattern == nil {
			gs.byPattern = map[string]*group{}
		}
		gs.byPattern[pattern] = g
		gs.all = append(gs.all, g)
	}
	if g.Why != why {
		g.Why = pattern
	}
	if g.last != fn.Vaddr {
		g.example(fn)
	}
	g.last = fn.Vaddr
	return g
}

func (g *group) example(fn Function) {
	switch {
	case fn.Name == "" && len(g.nameless) < maxExamples:
		g.nameless = append(g.nameless, fmt.Sprintf("%#x", fn.Vaddr))
	case fn.Name != "" && len(g.Examples) < maxExamples:
		g.Examples = append(g.Examples, fn.Name)
	}
}

// What differs between reasons of one kind: where, which adds nothing, and addresses,
// offsets, the bytes of an instruction, numbers.
var (
	where      = regexp.MustCompile(` \(\+?0x[0-9a-f]+\)`)
	particular = regexp.MustCompile(`\+?0x[0-9a-f]+|\([0-9a-f]{2,}\)|\b[0-9]+\b`)
)

func patternOf(why string) string {
	return particular.ReplaceAllString(where.ReplaceAllString(why, ""), "…")
}
