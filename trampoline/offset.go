package trampoline

import (
	"slices"
)

// PlaceAt puts programs on the instruction at addr, anywhere in a function.
func PlaceAt(a *Arena, addr uint64, programs []Program) Outcome {
	return PlaceAll(a, addr, Probes{At: []Point{{addr, programs}}}).At[0]
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
