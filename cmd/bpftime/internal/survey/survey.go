// Package survey tells what would become of every function, system call and marker of
// a file if it were probed.
//
// Protocol. It is a dry run: each function is placed with a program at its entry and one
// at its return, as attach would place them, into a unit that is thrown away; markers
// into another. For system calls syscallhook says what it would do. Nothing
// but the file is needed, and nothing is changed. What it says of a function holds for
// every process that has this file loaded.
package survey

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/trampoline"
)

// A Function is one function and what it would get.
type Function struct {
	Name          string // as in the symbol table; empty if it has none
	Vaddr, Size   uint64
	Part          bool // the cold part of another function, which nothing calls
	Entry, Return Half
}

// Refused tells whether a probe is not possible. Cold parts have no return.
func (fn Function) Refused() bool { return !fn.Entry.OK() || !fn.Return.OK() && !fn.Part }

// A Half is the fate of a probe: a tactic, or the reason why there is none. The tactic
// ifunc says that the file does not tell.
type Half struct{ Tactic, Why string }

// OK tells whether a probe is possible.
func (h Half) OK() bool { return h.Tactic != "" }

// Options say what is surveyed, and how.
type Options struct {
	Pattern  string                // of elfsym.Glob; empty: everything, also what has no name
	Traps    bool                  // as with `traps: true` in a manifest
	Progress func(done, total int) // is told how many functions are done; may be nil
}

// functions surveys the functions whose names match.
func (o Options) functions(f *elfsym.File) ([]Function, error) {
	if len(f.Text()) == 0 {
		return nil, fmt.Errorf("%s: it holds no code: perhaps only the debug symbols of another file; check that one", f.Name())
	}
	fns, err := functions(f, o.Pattern)
	if err != nil {
		return nil, err
	}
	addrs := make([]uint64, len(fns))
	for i, fn := range fns {
		addrs[i] = fn.Vaddr
	}
	a := o.arena(f, addrs)
	for i := range fns {
		if o.Progress != nil {
			o.Progress(i, len(fns))
		}
		fns[i].place(a)
	}
	a.Last()
	for i := range fns {
		if fns[i].Entry.Tactic == "" {
			fns[i].place(a)
		}
	}
	return fns, nil
}

func (o Options) arena(f *elfsym.File, addrs []uint64) *trampoline.Arena {
	a := trampoline.NewArena(&plan.Unit{LoadBase: f.LoadBase()}, f, addrs)
	a.Traps = o.Traps
	return a
}

// functions lists what is to be surveyed, in the order of addresses.
func functions(f *elfsym.File, pattern string) ([]Function, error) {
	all := pattern == ""
	if all {
		pattern = "*"
	}
	symbols, err := f.Glob(pattern)
	if err != nil && !(all && errors.Is(err, elfsym.ErrNoSymbol)) {
		return nil, err
	}
	byAddr := make(map[uint64]Function)
	if all {
		for _, fn := range f.Functions() {
			byAddr[fn.Lo] = Function{Vaddr: fn.Lo, Size: fn.Hi - fn.Lo, Part: f.IsPart(fn)}
		}
	}
	for _, s := range symbols {
		byAddr[s.Value] = named(f, s)
	}
	var out []Function
	for _, fn := range byAddr {
		out = append(out, fn)
	}
	slices.SortFunc(out, func(a, b Function) int { return cmp.Compare(a.Vaddr, b.Vaddr) })
	return out, nil
}

// What is written of an IFUNC, whose symbol is only that of its resolver.
var ifunc = Half{"ifunc", "which function runs is chosen when the file is loaded; that one is probed"}

func named(f *elfsym.File, s elfsym.Symbol) Function {
	fn := Function{Name: s.Name, Vaddr: s.Value, Size: s.Size}
	if code, ok := f.FuncAt(s.Value); ok {
		fn.Size = cmp.Or(fn.Size, code.Hi-s.Value)
	}
	if s.IFunc {
		fn.Entry, fn.Return = ifunc, ifunc
	}
	return fn
}

func (fn *Function) place(a *trampoline.Arena) {
	if fn.Entry == ifunc {
		return
	}
	program := []trampoline.Program{{}}
	e, r := trampoline.Place(a, fn.Vaddr, program, program)
	fn.Entry, fn.Return = half(e), half(r)
}

func half(o trampoline.Outcome) Half {
	if o.Err != nil {
		return Half{Why: o.Err.Error()}
	}
	return Half{Tactic: session.TacticName(o.Tactic)}
}
