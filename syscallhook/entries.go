package syscallhook

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/trampoline"
)

// entries knows where control may enter the code of a function.
type entries struct {
	*body
	mod  Module
	flow *trampoline.Function
	// tables is where data may send an indirect jump. Trampoline counts only those of
	// jumps that look like a switch, since it asks about entries; amid a function any
	// may be a computed goto.
	tables []uint64
}

// entries reads what leads into a function.
func (p *placer) entries(b *body) (*entries, error) {
	switch {
	case b.large:
		return nil, fmt.Errorf("the function is larger than %d KiB", maxBody>>10)
	case b.broken:
		return nil, errors.New("the function holds something that is no instruction, so nothing is sure in it")
	}
	flow, err := trampoline.Read(p.mod, p.branches, b.Lo)
	if err != nil {
		return nil, err
	}
	tables, err := p.mod.JumpTableTargets(b.Func)
	if err != nil {
		return nil, err
	}
	return &entries{b, p.mod, flow, tables}, nil
}

// at tells whether control may arrive at an instruction other than from the one before.
func (f *entries) at(in insn) bool {
	_, ok := f.in(in, false)
	return ok
}

// in finds where control may arrive in the bytes of an instruction, its first apart if
// that begins a window.
func (f *entries) in(in insn, first bool) (uint64, bool) {
	if at, ok := f.flow.EnteredIn(in.addr, in.Inst, first); ok {
		return at, true
	}
	i, found := slices.BinarySearch(f.tables, in.addr)
	if found && first {
		i++
	}
	if i < len(f.tables) && f.tables[i] < in.end() {
		return f.tables[i], true
	}
	return 0, false
}

// within finds where control may arrive in a window other than at its start.
func (f *entries) within(window []insn) (uint64, bool) {
	for i, in := range window {
		if at, ok := f.in(in, i == 0); ok {
			return at, true
		}
	}
	return 0, false
}

func (f *entries) leads(at uint64) string {
	return fmt.Sprintf("a jump may lead to +%#x", at-f.Lo)
}

// padded is the end of the padding behind the function at hi, at want or behind it; 0
// when there is too little. Nothing may fall into it.
func (f *entries) padded(hi, want uint64) uint64 {
	if hi != f.Hi || f.runsOn() {
		return 0
	}
	for _, in := range f.behind(want - hi + maxLen) {
		if !in.IsPadding() || f.at(in) {
			return 0
		}
		if hi = in.end(); hi >= want {
			return hi
		}
	}
	return 0
}

// maxLen is the longest an instruction can be.
const maxLen = 15

// runsOn tells whether control may run off the end of the function.
func (f *entries) runsOn() bool {
	switch last := f.insns[len(f.insns)-1]; last.Flow() {
	case x86.FlowJump, x86.FlowJumpIndirect, x86.FlowRet:
		return false
	case x86.FlowTrap:
		return !(last.Map == x86.Map0F && last.Op == 0x0b) // ud2
	}
	return true
}

// behind decodes up to n bytes behind the function that belong to nobody.
func (f *entries) behind(n uint64) (insns []insn) {
	end := f.Hi + n
	if next := f.mod.FuncsIn(f.Hi, end); len(next) > 0 {
		end = next[0].Lo
	}
	for ; end > f.Hi; end-- { // the text may end earlier
		code, err := f.mod.Bytes(f.Hi, int(end-f.Hi))
		if err != nil {
			continue
		}
		for at := f.Hi; len(code) > 0; {
			in, err := x86.Decode(code)
			if err != nil {
				return insns
			}
			insns = append(insns, insn{in, at, code[:in.Len]})
			at, code = at+uint64(in.Len), code[in.Len:]
		}
		return insns
	}
	return nil
}

// holes is the padding next to the function that may hold a jump: between it and the
// one behind it, all of it padding that nobody enters.
func (f *entries) holes() []elfsym.Func {
	if f.runsOn() {
		return nil
	}
	hole := elfsym.Func{Lo: f.Hi, Hi: f.Hi}
	for _, in := range f.behind(maxHole) {
		if !in.IsPadding() || f.at(in) {
			break
		}
		hole.Hi = in.end()
	}
	if hole.Hi < hole.Lo+jumpLen {
		return nil
	}
	return []elfsym.Func{hole}
}

// maxHole is how much padding is looked at: what a linker aligns functions by. Short
// branches that reach into it begin near enough to the function to be known.
const maxHole = 15
