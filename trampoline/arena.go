package trampoline

import (
	"slices"

	"github.com/bpftime-go/bpftime/internal/x86"
)

// What others write stubs with: syscallhook.

// Call appends a call of a helper.
func (a *Arena) Call(helper uint32) { a.callSlot(a.slot(helper)) }

// Jump appends a jump to a helper.
func (a *Arena) Jump(helper uint32) { a.jumpSlot(a.slot(helper)) }

// Reserve makes room for a helper's address, before a stub is begun.
func (a *Arena) Reserve(helper uint32) { a.slot(helper) }

// Runs writes the list of struct bpftime_run of programs that run at no function. It is
// for many sites, so links do not count it.
func (a *Arena) Runs(programs []Program) uint32 {
	programs = slices.Clone(programs)
	for i := range programs {
		programs[i].again = 1
	}
	return a.runs(programs, 0, 0)
}

// Move appends the module's code in [lo, hi), so that it does here what it does there.
// Control goes on behind it, or where the last of its instructions leads.
func (a *Arena) Move(lo, hi uint64) error {
	if lo == hi {
		return nil
	}
	code, err := a.mod.Bytes(lo, int(hi-lo))
	if err != nil {
		return refuse("the code at %#x cannot be read: %v", lo, err)
	}
	moved, err := x86.Relocate(code, lo)
	if err != nil {
		return refuse("%v", err)
	}
	a.moved(moved)
	return nil
}

// GoOn appends a jump into the module.
func (a *Arena) GoOn(vaddr uint64) {
	a.Emit(0xe9)
	a.ModuleRel32(vaddr, 0)
}

// lead is a patch of somebody else's, whose stub does what stood there. A probe of the
// same instruction takes its patch over, and goes on in that stub.
type lead struct {
	patch int // index in Patches
	len   int
	stub  uint32
	taken bool
}

// Lead patches [lo, hi) so that it leads to the stub; by way of a hole in padding,
// unless that is 0.
func (a *Arena) Lead(lo, hi, hole uint64, tactic, stub uint32) error {
	return a.atomically(func() error {
		err := a.patch(window{addr: lo, len: int(hi - lo), tactic: tactic, hole: hole}, stub)
		if err == nil && hole == 0 {
			a.leads[lo] = &lead{patch: len(a.Patches) - 1, len: int(hi - lo), stub: stub}
		}
		return err
	})
}

// over is the window of the patch that begins at addr.
func (a *Arena) over(w window) (window, bool) {
	l := a.leads[w.addr]
	if l == nil || l.taken {
		return w, false
	}
	w.insns, w.len, w.lead = nil, l.len, l
	return w, true
}

// Write runs a function that writes stubs and patches: all of them, or none.
func (a *Arena) Write(f func() error) error { return a.atomically(f) }
