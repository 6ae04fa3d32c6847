package trampoline

import (
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
)

// Outcome is what became of one half of a probe.
type Outcome struct {
	Tactic uint32 // abi.TACTIC_*
	Err    error  // a *Refusal; nil when it is in the unit, or was not asked for
}

// mark remembers how far a unit was written, so that a refusal leaves no trace.
type mark struct{ code, relocs, patches, outposts int }

func (a *Arena) mark() mark { return mark{len(a.Code), len(a.Relocs), len(a.Patches), len(a.Outposts)} }

func (a *Arena) reset(m mark) {
	for _, p := range a.Patches[m.patches:] {
		a.release(p)
	}
	a.Code, a.Relocs, a.Patches = a.Code[:m.code], a.Relocs[:m.relocs], a.Patches[:m.patches]
	a.Outposts = a.Outposts[:m.outposts]
	for _, l := range a.leads {
		if l.taken && a.Patches[l.patch].Stub >= uint32(m.code) {
			a.Patches[l.patch].Stub, l.taken = l.stub, false
		}
	}
	for helper, at := range a.slots {
		if int(at) >= m.code {
			delete(a.slots, helper)
		}
	}
}

// Place puts programs on the entry and on the return of the function that
// begins at addr. The halves fail apart: a return that is refused leaves the entry
// probed. Before Last, what only a detour could reach is refused.
func Place(a *Arena, addr uint64, entry, ret []Program) (e, r Outcome) {
	o := PlaceAll(a, addr, Probes{Entry: entry, Return: ret})
	return o.Entry, o.Return
}

// placeEnds puts programs on entry and return, and the points in their windows.
func (a *Arena) placeEnds(f *Function, p Probes, points []*point) (e, r, s Outcome) {
	w, err := a.entryWindow(f)
	if err != nil {
		return Outcome{Err: err}, Outcome{Err: err}, Outcome{Err: err}
	}
	e.Tactic = w.tactic
	if len(p.Session) > 0 {
		if s = a.placeSession(f, w, p, points); s.Err == nil {
			return e, s, Outcome{Tactic: e.Tactic | s.Tactic}
		}
	}
	if len(p.Return) > 0 {
		if r = a.placeReturn(f, w, p.Entry, p.Return, points); r.Err == nil {
			return e, r, s
		}
	}
	if len(p.Entry) > 0 {
		w.claim(points)
		e.Err = a.atomically(func() error { return a.placeEntry(f, w, p.Entry) })
		if e.Err == nil {
			w.settle(e)
		}
	}
	return e, r, s
}

func (f *Function) begins(addr uint64) error {
	if lo := f.pieces[0].Lo; lo != addr {
		return refuse("it is not the start of a function: +%#x inside the one at %#x", addr-lo, lo)
	}
	return nil
}

func (a *Arena) placeReturn(f *Function, w window, entry, ret []Program, points []*point) Outcome {
	f.copier = a.Copier
	how, err := f.planReturn(w)
	if err != nil {
		return Outcome{Err: err}
	}
	windows := []*window{&w}
	if how.tactic == abi.TACTIC_RETURN_C && len(entry) == 0 {
		windows = nil
	}
	for i := range how.rets {
		windows = append(windows, &how.rets[i])
	}
	for _, w := range windows {
		w.claim(points)
	}
	err = a.atomically(func() error { return a.place(f, w, entry, ret, how) })
	for _, w := range windows {
		if err == nil {
			w.settle(Outcome{Tactic: w.tactic})
		}
	}
	return Outcome{Tactic: how.tactic, Err: err}
}

func (a *Arena) atomically(f func() error) error {
	m := a.mark()
	err := f()
	if err != nil {
		a.reset(m)
	}
	return err
}

func (a *Arena) placeEntry(f *Function, w window, entry []Program) error {
	a.lists(w)
	stub := a.entryStub(f, entry, func() uint32 { return a.Len() })
	if err := a.displaced(w); err != nil {
		return err
	}
	return a.patch(w, stub)
}

func (a *Arena) place(f *Function, w window, entry, ret []Program, how returnPlan) error {
	if how.tactic != abi.TACTIC_RETURN_C {
		stub, err := a.returnStub(f, w, entry, ret, how)
		if err != nil {
			return err
		}
		return a.patch(w, stub)
	}
	runs, slot := a.runs(ret, f.pieces[0].Lo, 0), a.slot(thunk(abi.HELPER_RETURN_SITE, ret))
	if len(entry) > 0 {
		a.lists(w)
		stub := a.entryStub(f, entry, func() uint32 { return a.returnSite(runs, slot) })
		if err := a.displaced(w); err != nil {
			return err
		}
		if err := a.patch(w, stub); err != nil {
			return err
		}
	}
	for _, site := range how.rets {
		stub, err := a.retStub(site, runs, slot)
		if err != nil {
			return err
		}
		if err := a.patch(site, stub); err != nil {
			return err
		}
	}
	return nil
}

// PlaceHook puts a call of a helper at the start of a function, with nothing
// saved for it: the helper's thunk does.
func PlaceHook(a *Arena, addr uint64, helper uint32) error {
	f, err := Read(a.mod, a.branches, addr)
	if err != nil {
		return err
	}
	w, err := f.entryWindow(jumpLen)
	if err != nil {
		return err
	}
	slot := a.slot(helper)
	stub := a.Align(16)
	a.callSlot(slot)
	if err := a.displaced(w); err != nil {
		return err
	}
	return a.patch(w, stub)
}

var _ Module = (*elfsym.File)(nil)
