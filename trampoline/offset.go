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

// pointWindow is the window of an instruction: from it on or, where somebody jumps
// right behind it, from instructions before it that always run on into it.
func (f *Function) pointWindow(at, need int) (window, error) {
	p := f.pieces[0]
	w, err := f.windowAt(p, p.insns[at:], need)
	if err == nil {
		return w, nil
	}
	for first := at - 1; first >= 0; first-- {
		lead := p.insns[first]
		n := int(p.insns[at].end() - lead.addr)
		if n > maxPatch || !fallsThrough(lead) || isCall(lead) || lead.IsEndbr64() {
			break
		}
		if led, e := f.windowAt(p, p.insns[first:at+1], max(n, need)); e == nil {
			return led, nil
		}
	}
	return w, err
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
