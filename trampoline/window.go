package trampoline

import (
	"fmt"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// Lengths of `jmp rel32` and `jmp rel8`.
const (
	jumpLen  = 5
	shortLen = 2
)

// window is a run of whole instructions that a jump may overwrite.
type window struct {
	addr   uint64
	insns  []insn // those of the function
	len    int    // bytes overwritten, as many as the jump has or more, padding included
	tactic uint32
	points []*point // in it that share its stub
	apart  bool     // its instructions are moved one by one: see parts
	// hole is where a jmp rel8 in the window goes: five bytes with the jump to the
	// stub. 0: the window has that itself.
	hole    uint64
	evicted *window // what had to leave for the hole
	outpost uint64  // where a punned jump leads; 0: it is none
	lead    *lead   // somebody else's patch stands there
}

func (w window) end() uint64 { return w.addr + uint64(w.len) }

// code is the bytes of the instructions, without padding.
func (w window) code() (b []byte) {
	for _, in := range w.insns {
		b = append(b, in.b...)
	}
	return b
}

// entryWindow is the window at the first instruction for a jump of need bytes. An
// endbr64 stays where it is: it is what indirect calls must find.
func (f *Function) entryWindow(need int) (window, error) {
	p := f.pieces[0]
	insns := p.insns
	if len(insns) > 1 && insns[0].IsEndbr64() && !f.led(insns[1].addr) { // a loop there is no entry
		if w, err := f.windowAt(p, insns[1:], need); err == nil {
			return w, nil
		}
	}
	return f.windowAt(p, insns, need)
}

// windowAt covers need bytes from insns[0] on.
func (f *Function) windowAt(p piece, insns []insn, need int) (window, error) {
	w := window{addr: insns[0].addr, tactic: abi.TACTIC_JUMP}
	for _, in := range insns {
		if w.len >= need {
			return w, nil
		}
		if at, ok := f.enteredIn(in, w.len == 0); ok && need > trapLen {
			return w, refuse("a jump leads to +%#x, inside the first %s bytes", at-p.Lo, spelled(need))
		}
		w.insns = append(w.insns, in)
		w.len += in.Len
		if isCall(in) && w.len < need {
			return w, refuse("a call in the first %s bytes returns into them", spelled(need))
		}
	}
	if w.len >= need {
		return w, nil
	}
	return f.intoPadding(p, w, need)
}

// spelled is a length of a jump for messages.
func spelled(need int) string {
	words := [...]string{"no", "one", "two", "three", "four", "five"}
	if need >= len(words) {
		return fmt.Sprint(need)
	}
	return words[need]
}

// intoPadding extends a window that ends with the function over nops and int3
// behind it, which nobody executes.
func (f *Function) intoPadding(p piece, w window, need int) (window, error) {
	if len(w.insns) == 0 || fallsThrough(w.insns[len(w.insns)-1]) {
		return w, refuse("it runs on into the function behind it, %d bytes after its entry", w.len)
	}
	w.tactic = abi.TACTIC_PADDING
	behind := f.bytesAt(w.end(), 2*jumpLen+maxInsn)
	for w.len < need {
		n := f.padding(w.end(), behind)
		if n == 0 {
			return w, refuse("the function has %d bytes and no padding of its own behind it: a jump takes %s", p.Hi-w.addr, spelled(need))
		}
		w.len, behind = w.len+n, behind[n:]
	}
	return w, nil
}

// maxInsn is the longest an instruction can be.
const maxInsn = 15

// bytesAt is up to n bytes of text at addr: fewer where the text ends.
func (f *Function) bytesAt(addr uint64, n int) []byte {
	for ; n > 0; n-- {
		if b, err := f.mod.Bytes(addr, n); err == nil {
			return b
		}
	}
	return nil
}

// padding measures the nop or int3 at addr, whose bytes b begins with. 0: there
// is none, or it is somebody's.
func (f *Function) padding(addr uint64, b []byte) int {
	in, err := x86.Decode(b)
	if err != nil || !in.IsPadding() {
		return 0
	}
	if _, entered := f.enteredIn(insn{Inst: in, addr: addr}, false); entered || f.belongs(addr) {
		return 0
	}
	return in.Len
}

// belongs tells whether addr is code of a neighbour.
func (f *Function) belongs(addr uint64) bool {
	for _, fn := range f.around {
		if fn.Lo <= addr && addr < fn.Hi {
			return true
		}
	}
	return false
}

func isCall(in insn) bool {
	return in.Flow() == x86.FlowCall || in.Flow() == x86.FlowCallIndirect
}

// fallsThrough tells whether control may go on behind in.
func fallsThrough(in insn) bool {
	switch in.Flow() {
	case x86.FlowJump, x86.FlowJumpIndirect, x86.FlowRet:
		return false
	case x86.FlowTrap:
		return in.Map != x86.Map0F || in.Op != 0x0b // ud2 ends a function
	}
	return true
}
