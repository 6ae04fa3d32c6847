package survey

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/syscallhook"
	"github.com/bpftime-go/bpftime/trampoline"
)

// A Syscall is one syscall instruction and what it would get.
type Syscall struct {
	Vaddr  uint64
	Place  string // function+0x13, or the address where no name is near
	Number int32
	Known  bool // the number is
	Unseen bool // it is in no function
	Half
}

// syscalls surveys the syscall instructions, those in fns if only some functions are
// wanted.
func syscalls(f *elfsym.File, fns []Function, all bool) (out []Syscall, err error) {
	sites, err := syscallhook.Find(f)
	for _, s := range sites {
		fn, ok := around(fns, s.Vaddr)
		if !ok && !all {
			continue
		}
		v := Syscall{Vaddr: s.Vaddr, Number: s.Number.Value, Known: s.Number.Known, Unseen: s.Func == elfsym.Func{}, Half: Half{Why: s.Why}}
		if s.Tactic != syscallhook.Trap {
			v.Tactic = s.Tactic.String()
		}
		v.Place = fn.offset(s.Vaddr)
		out = append(out, v)
	}
	return out, err
}

// around finds the function of fns, which are in order, that an address lies in.
func around(fns []Function, vaddr uint64) (Function, bool) {
	i, found := slices.BinarySearchFunc(fns, vaddr, func(fn Function, v uint64) int { return cmp.Compare(fn.Vaddr, v) })
	if !found {
		i--
	}
	if i < 0 || vaddr-fns[i].Vaddr >= max(fns[i].Size, 1) {
		return Function{}, false
	}
	return fns[i], true
}

func (fn Function) offset(vaddr uint64) string {
	if fn.Name == "" {
		return fmt.Sprintf("%#x", vaddr)
	}
	return fmt.Sprintf("%s+%#x", fn.Name, vaddr-fn.Vaddr)
}

// A Marker is one USDT marker and what a probe there would get.
type Marker struct {
	elfsym.USDT
	Half
}

func (m Marker) title() string { return m.Provider + ":" + m.Name }

// markers surveys the USDT markers whose PROVIDER:NAME or NAME matches.
func (o Options) markers(f *elfsym.File) (out []Marker, err error) {
	found, err := f.USDT()
	if err != nil {
		return nil, err
	}
	var addrs []uint64
	for _, u := range found {
		m := Marker{USDT: u}
		if o.Pattern == "" || matches(o.Pattern, m.title()) || matches(o.Pattern, u.Name) {
			out, addrs = append(out, m), append(addrs, u.Addr)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	a := o.arena(f, addrs)
	placeMarkers(a, out)
	a.Last()
	placeMarkers(a, out)
	return out, nil
}

// placeMarkers places those that have no place yet.
func placeMarkers(a *trampoline.Arena, markers []Marker) {
	for i := range markers {
		if m := &markers[i]; !m.OK() {
			m.Half = half(trampoline.PlaceAt(a, m.Addr, []trampoline.Program{{}}))
		}
	}
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// A Survey is what would become of everything in a file.
type Survey struct {
	Functions []Function
	Syscalls  []Syscall
	Markers   []Marker
}

// File surveys functions, the system calls in them, and markers. A pattern that only
// markers match is enough.
func File(f *elfsym.File, o Options) (s Survey, err error) {
	if s.Markers, err = o.markers(f); err != nil {
		return s, err
	}
	s.Functions, err = o.functions(f)
	if err != nil && !(len(s.Markers) > 0 && errors.Is(err, elfsym.ErrNoSymbol)) {
		return s, err
	}
	if s.Syscalls, err = syscalls(f, s.Functions, o.Pattern == ""); err != nil {
		return s, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return s, nil
}
