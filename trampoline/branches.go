package trampoline

import (
	"encoding/binary"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// Branches is where the direct rel32 branches of a whole module lead. A function
// alone does not show who jumps into its middle: hand-written code shares tails
// (libc's mempcpy enters memcpy behind its first instruction).
//
// The text is scanned byte by byte for what could be a call, jmp or jcc with a
// 32-bit displacement, without decoding: constants and misread instructions add
// goals that are none (about one byte in ten thousand), and miss none. Short
// branches cannot be found that way, since every tenth byte looks like one; they
// reach 127 bytes and are read from the neighbours (Function.neighbours).
type Branches struct{ texts []text }

type text struct {
	elfsym.Func
	goals []uint64 // one bit a byte
}

// ScanBranches reads all executable contents once.
func ScanBranches(mod Module) *Branches {
	br := &Branches{}
	for _, t := range mod.Text() {
		br.texts = append(br.texts, text{t, make([]uint64, (t.Hi-t.Lo+63)/64)})
	}
	for _, t := range br.texts {
		if code, err := mod.Bytes(t.Lo, int(t.Hi-t.Lo)); err == nil {
			br.scan(code, t.Lo)
		}
	}
	return br
}

func (br *Branches) scan(code []byte, lo uint64) {
	prev := byte(0)
	for i := 0; i+5 <= len(code); i++ {
		b := code[i]
		if b&0xfe == 0xe8 || prev == 0x0f && b&0xf0 == 0x80 {
			br.add(lo + uint64(i) + 5 + uint64(int64(int32(binary.LittleEndian.Uint32(code[i+1:])))))
		}
		prev = b
	}
}

func (br *Branches) add(goal uint64) {
	for _, t := range br.texts {
		if at := goal - t.Lo; at < t.Hi-t.Lo {
			t.goals[at/64] |= 1 << (at % 64)
		}
	}
}

// Lead tells whether something may branch to addr.
func (br *Branches) Lead(addr uint64) bool {
	for _, t := range br.texts {
		if at := addr - t.Lo; at < t.Hi-t.Lo && t.goals[at/64]>>(at%64)&1 != 0 {
			return true
		}
	}
	return false
}

// shortReach is how far a rel8 branch goes, its own length included.
const shortReach = 127 + 15

// neighbours adds the goals of short branches that come from just outside.
func (f *Function) neighbours() {
	p := f.pieces[0]
	for at := p.Lo; at > p.Lo-min(shortReach, p.Lo); {
		at = f.neighbour(at-1, func(fn elfsym.Func) uint64 { return fn.Lo })
	}
	for at := p.Hi; at < p.Hi+shortReach; {
		at = f.neighbour(at, func(fn elfsym.Func) uint64 { return fn.Hi })
		if at < p.Hi {
			break
		}
	}
}

// neighbour reads what stands at addr and returns where to look on.
func (f *Function) neighbour(addr uint64, beyond func(elfsym.Func) uint64) uint64 {
	fn, ok := f.mod.FuncAt(addr)
	if !ok {
		f.unclaimed(addr)
		fn = elfsym.Func{Lo: addr, Hi: addr + 1}
	} else if p, err := f.decode(fn); err == nil {
		for _, goal := range branchGoals(p) {
			f.foreign[goal] = struct{}{}
		}
	}
	return beyond(fn)
}

// unclaimed: code that belongs to no function counts when it looks like a short
// branch.
func (f *Function) unclaimed(addr uint64) {
	b, err := f.mod.Bytes(addr, 2)
	if err != nil || !(b[0] == 0xeb || b[0]&0xf0 == 0x70 || b[0]&0xfc == 0xe0) {
		return
	}
	if in, err := x86.Decode(b); err == nil {
		if to, ok := in.Target(b, addr); ok {
			f.foreign[to] = struct{}{}
		}
	}
}
