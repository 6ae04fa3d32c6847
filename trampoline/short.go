package trampoline

import (
	"cmp"
	"slices"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
)

// maxGap is the most padding between two functions that is looked at.
const maxGap = 64

// short leads a jmp rel8 in the window to five bytes of padding between functions.
func (a *Arena) short(f *Function, w window) (window, error) {
	w.tactic = abi.TACTIC_SHORT
	for _, gap := range a.gaps(f, w) {
		for hole := gap.Hi - jumpLen; hole >= gap.Lo; hole-- {
			apart := hole >= w.end() || hole+jumpLen <= w.addr
			if apart && reaches(w.addr, hole) && a.taken.free(hole, jumpLen) {
				w.hole = hole
				return w, nil
			}
		}
	}
	return w, refuse("a short jump finds no padding within 127 bytes")
}

// gaps is the padding between the functions near a window: whole gaps, which
// nobody enters and nobody runs into, the nearest first. One with anything else in
// it may hold code that no symbol names.
func (a *Arena) gaps(f *Function, w window) (out []elfsym.Func) {
	lo, hi := w.addr-min(w.addr, shortReach), w.addr+shortReach
	fns := a.mod.FuncsIn(lo-min(lo, maxGap), hi+maxGap)
	for i := 0; i+1 < len(fns); i++ {
		gap := elfsym.Func{Lo: fns[i].Hi, Hi: fns[i+1].Lo}
		if gap.Hi < gap.Lo+jumpLen || gap.Hi > gap.Lo+maxGap || gap.Hi < lo || gap.Lo > hi {
			continue
		}
		before := f
		if fns[i] != f.pieces[0].Func {
			var err error
			if before, err = Read(a.mod, a.branches, fns[i].Lo); err != nil {
				continue
			}
		}
		if before.pads(gap) {
			out = append(out, gap)
		}
	}
	slices.SortFunc(out, func(a, b elfsym.Func) int { return cmp.Compare(distance(a.Lo, w.addr), distance(b.Lo, w.addr)) })
	return out
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// pads tells whether the gap behind the function is padding to its end.
func (f *Function) pads(gap elfsym.Func) bool {
	insns := f.pieces[0].insns
	if fallsThrough(insns[len(insns)-1]) {
		return false
	}
	b := f.bytesAt(gap.Lo, int(gap.Hi-gap.Lo))
	for len(b) > 0 {
		n := f.padding(gap.Lo, b)
		if n == 0 {
			return false
		}
		gap.Lo, b = gap.Lo+uint64(n), b[n:]
	}
	return gap.Lo == gap.Hi
}
