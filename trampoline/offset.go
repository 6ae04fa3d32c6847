package trampoline

import (
	"slices"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// PlaceAt puts programs on the instruction at addr, anywhere in a function. They run
// before it, each time control comes to it, by a fall-through or by a jump.
func PlaceAt(a *Arena, addr uint64, programs []Program) Outcome {
	f, err := Read(a.mod, a.branches, addr)
	if err != nil {
		return Outcome{Err: err}
	}
	if f.pieces[0].Lo == addr {
		e, _ := Place(a, addr, programs, nil)
		return e
	}
	w, err := a.offsetWindow(f, addr)
	if err == nil {
		err = a.atomically(func() error { return a.placeOffset(f, w, programs) })
	}
	return Outcome{Tactic: w.tactic, Err: err}
}

// offsetWindow is the window that begins with the instruction at addr.
func (a *Arena) offsetWindow(f *Function, addr uint64) (window, error) {
	p := f.pieces[0]
	i, err := p.index(addr)
	if err != nil {
		return window{}, err
	}
	f.addGotos()
	return a.window(f, func(need int) (window, error) { return f.windowAt(p, p.insns[i:], need) })
}

// index finds the instruction at addr.
func (p piece) index(addr uint64) (int, error) {
	if addr < p.Lo || addr >= p.Hi {
		return 0, refuse("%#x is not in the function at %#x", addr, p.Lo)
	}
	i, ok := slices.BinarySearchFunc(p.insns, addr, func(in insn, addr uint64) int { return int(int64(in.addr - addr)) })
	if ok {
		return i, nil
	}
	before := p.insns[i-1]
	return 0, refuse("no instruction begins at +%#x: one begins at +%#x, the next at +%#x", addr-p.Lo, before.addr-p.Lo, before.end()-p.Lo)
}

// addGotos notes every place that data may send an indirect jump to. For an entry,
// what looks like a tail call may be taken for one; amid a function it may be a
// computed goto.
func (f *Function) addGotos() {
	targets, err := f.mod.JumpTableTargets(f.pieces[0].Func)
	f.blind = f.blind || err != nil
	for _, to := range targets {
		f.goals[to] = struct{}{}
	}
}

func (a *Arena) placeOffset(f *Function, w window, programs []Program) error {
	stub := a.offsetCall(w.addr, programs)
	if err := a.displaced(w); err != nil {
		return err
	}
	return a.patch(w, stub)
}

// offsetCall is the stub of an instruction, up to what it displaced:
//
//	      .quad runs
//	stub: lea   -128(%rsp), %rsp     the red zone may be in use
//	      call  *offset(%rip)        which puts rsp back
func (a *Arena) offsetCall(addr uint64, programs []Program) uint32 {
	runs, slot := a.runs(programs, addr, 0), a.slot(thunk(abi.HELPER_OFFSET, programs))
	a.alignBehind(8)
	a.Field(abi.RELOC_ARENA_ABS64, 0, int64(runs))
	stub := a.Emit(0x48, 0x8d, 0x64, 0x24, 0x80)
	a.callSlot(slot)
	return stub
}
