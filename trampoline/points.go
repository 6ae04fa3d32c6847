package trampoline

import (
	"cmp"
	"slices"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// Probes are the programs of one function.
type Probes struct {
	Entry, Return []Program
	Session       []Program // run at both; what they return at the entry says whether they want the return
	At            []Point
}

func (p Probes) ends() int { return len(p.Entry) + len(p.Return) + len(p.Session) }

// A Point is an instruction whose programs run before it, each time control comes to
// it, by a fall-through or by a jump.
type Point struct {
	Addr     uint64
	Programs []Program
}

// Outcomes are what became of Probes; those of At in their order.
type Outcomes struct {
	Entry, Return, Session Outcome
	At                     []Outcome
}

// point is a Point until it has an outcome.
type point struct {
	Point
	at         int // index of its instruction
	out        *Outcome
	done       bool
	runs, slot uint32
}

// PlaceAll puts programs on the function that contains addr. Points that lie in a
// window of another share its patch: the copy of the window is parted there. The rest
// have windows of their own. All fail apart. Before Last, what only a detour could
// reach is refused; what was placed is not to be tried again.
func PlaceAll(a *Arena, addr uint64, p Probes) Outcomes {
	out := Outcomes{At: make([]Outcome, len(p.At))}
	f, err := Read(a.mod, a.branches, addr)
	if err != nil {
		out.fail(err)
		return out
	}
	if p.ends() > 0 {
		if err := f.begins(addr); err != nil {
			out.fail(err)
			return out
		}
	}
	points := f.points(p.At, out.At)
	p.Entry = append(slices.Clip(p.Entry), f.first(points)...)
	if p.ends() > 0 {
		out.Entry, out.Return, out.Session = a.placeEnds(f, p, points)
	}
	for i, pt := range points {
		switch {
		case pt.Addr == f.pieces[0].Lo:
			*pt.out = out.Entry
		case !pt.done:
			a.placePoints(f, points[i:])
		}
	}
	return out
}

// first is the programs at the first instruction, which are the same as on entry.
func (f *Function) first(points []*point) []Program {
	if len(points) == 0 || points[0].Addr != f.pieces[0].Lo {
		return nil
	}
	points[0].done = true
	return points[0].Programs
}

func (o *Outcomes) fail(err error) {
	o.Entry.Err, o.Return.Err, o.Session.Err = err, err, err
	for i := range o.At {
		o.At[i].Err = err
	}
}

// points are those that stand at an instruction, in order of their addresses.
func (f *Function) points(at []Point, out []Outcome) (points []*point) {
	for i, p := range at {
		index, err := f.pieces[0].index(p.Addr)
		if err != nil {
			out[i].Err = err
			continue
		}
		points = append(points, &point{Point: p, at: index, out: &out[i]})
	}
	if len(points) > 0 {
		f.addGotos()
	}
	slices.SortFunc(points, func(a, b *point) int { return cmp.Compare(a.Addr, b.Addr) })
	return points
}

// placePoints gives the first point a window, and the others their places in it.
func (a *Arena) placePoints(f *Function, points []*point) {
	w, err := a.window(f, func(need int) (window, error) { return f.pointWindow(points[0].at, need) })
	if err == nil {
		w.claim(points)
		err = a.atomically(func() error { return a.placeOffset(w) })
	}
	if err != nil {
		points[0].out.Err = err
		points[0].done = true
		return
	}
	w.settle(Outcome{Tactic: w.tactic})
}

// claim takes the points that lie in the window and are not in another one.
func (w *window) claim(points []*point) {
	for _, p := range points {
		if !p.done && w.holds(p.Addr) {
			w.points = append(w.points, p)
		}
	}
}

// holds tells whether the programs of an instruction can run in the window's copy. In
// the stub of somebody else's patch they run before all of it only.
func (w window) holds(addr uint64) bool {
	if w.lead != nil {
		return addr == w.addr
	}
	return addr >= w.addr && addr < w.insns[len(w.insns)-1].end()
}

// settle is what became of the points in a window.
func (w window) settle(o Outcome) {
	for _, p := range w.points {
		*p.out, p.done = o, true
	}
}

func (a *Arena) placeOffset(w window) error {
	a.lists(w)
	var stub uint32
	if first := w.points[0]; first.Addr == w.addr {
		a.alignBehind(8)
		stub = a.pointCall(first)
		w.points = w.points[1:]
	} else {
		stub = a.Align(16)
	}
	w.apart = true
	if err := a.displaced(w); err != nil {
		return err
	}
	return a.patch(w, stub)
}

// lists writes what the calls of the points in a window refer to, before its stub.
func (a *Arena) lists(w window) {
	for _, p := range w.points {
		p.runs, p.slot = a.runs(p.Programs, p.Addr, 0), a.slot(thunk(abi.HELPER_OFFSET, p.Programs))
	}
}

// pointCall is the stub of an instruction, up to what it displaced:
//
//	      .quad runs
//	stub: lea   -128(%rsp), %rsp     the red zone may be in use
//	      call  *offset(%rip)        which puts rsp back
func (a *Arena) pointCall(p *point) uint32 {
	a.Field(abi.RELOC_ARENA_ABS64, 0, int64(p.runs))
	stub := a.Emit(0x48, 0x8d, 0x64, 0x24, 0x80)
	a.callSlot(p.slot)
	return stub
}

// parts writes the code of a window, and before each part of it the call of the point
// that stands there, behind a jump over its list's address. A branch in a later part to
// the start of the window leads to the patch, and so to its programs, as a jump back to
// a breakpoint hits it again.
func (a *Arena) parts(w window, code []insn) (fallsThrough bool, err error) {
	if _, err := x86.Relocate(w.code(), w.addr); err != nil {
		return false, refuse("%v", err)
	}
	fallsThrough = true
	points := w.points
	for len(code) > 0 || len(points) > 0 {
		if len(points) > 0 && (len(code) == 0 || points[0].Addr <= code[0].addr) {
			a.Emit(0xeb, 8)
			a.pointCall(points[0])
			points = points[1:]
			continue
		}
		n := w.part(code, points)
		part := window{addr: code[0].addr, insns: code[:n]}
		moved, err := x86.Relocate(part.code(), part.addr)
		if err != nil {
			return false, refuse("%v", err)
		}
		a.moved(moved)
		fallsThrough, code = moved.FallsThrough, code[n:]
	}
	return fallsThrough, nil
}

// part is how many instructions there are up to the first point.
func (w window) part(code []insn, points []*point) int {
	switch {
	case w.apart:
		return 1
	case len(points) == 0:
		return len(code)
	}
	n, _ := slices.BinarySearchFunc(code, points[0].Addr, func(in insn, addr uint64) int { return cmp.Compare(in.addr, addr) })
	return n
}
