package trampoline

import (
	"encoding/binary"
	"slices"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// Branches is where the direct rel32 branches of a whole module lead. A function
// alone does not show who jumps into its middle: hand-written code shares tails
// (libc's mempcpy enters memcpy behind its first instruction).
//
// The text is scanned byte by byte for what could be a call, jmp or jcc with a
// 32-bit displacement, without decoding: constants and misread instructions add
// goals that are none (about one byte in ten thousand), and miss none; a goal that
// is in the way is looked at again (sources.go). Short
// branches cannot be found that way, since every tenth byte looks like one; they
// reach 127 bytes and are read from the neighbours (Function.readAround).
//
// This runs at the start of every traced process, where a page that is touched
// costs more than a kilobyte that is looked at: one small buffer is reused, and
// goals are kept only for the functions that are asked about.
type Branches struct {
	mod     Module
	regions []region
	lo, hi  uint64           // all regions lie in [lo, hi)
	judged  map[uint64]bool  // goals that were looked at again, and whether they are some
	found   *[]branch        // what leads into [lo, hi) is noted here; nil: goals in regions
	asked   int              // scans for the branches to one goal
	all     []branch         // every one, by its goal; made after so many
	pieces  map[uint64]piece // decoded lately, by their start
	kept    int              // instructions in pieces
}

// maxKept bounds the instructions that are kept decoded: some 15 MB.
const maxKept = 1 << 17

// known is a piece that was decoded lately.
func (br *Branches) known(fn elfsym.Func) (piece, bool) {
	if br == nil {
		return piece{}, false
	}
	p, ok := br.pieces[fn.Lo]
	return p, ok && p.Hi == fn.Hi
}

func (br *Branches) keepPiece(p piece) {
	if br == nil || len(p.insns) > maxKept/4 {
		return
	}
	if br.kept += len(p.insns); br.kept > maxKept || br.pieces == nil {
		br.pieces, br.kept = map[uint64]piece{}, len(p.insns)
	}
	br.pieces[p.Lo] = p
}

// region is a range whose goals are kept, one bit a byte.
type region struct {
	elfsym.Func
	goals []uint64
}

// maxRegions is from how many functions on the goals of the whole text are kept.
const maxRegions = 8

// chunk is how much is scanned at a time; chunks overlap by a branch's length.
const (
	chunk     = 16 << 10
	branchLen = 7 // of a lea, the longest that is looked for
)

// ScanBranches reads all executable contents once. Lead will be asked about the
// functions that contain addrs.
func ScanBranches(mod Module, addrs []uint64) *Branches {
	br := &Branches{mod: mod, lo: ^uint64(0)}
	for _, fn := range regionsOf(mod, addrs) {
		br.regions = append(br.regions, region{fn, make([]uint64, (fn.Hi-fn.Lo+63)/64)})
		br.lo, br.hi = min(br.lo, fn.Lo), max(br.hi, fn.Hi)
	}
	if len(br.regions) > 0 {
		br.scanAll()
	}
	return br
}

func (br *Branches) scanAll() {
	buf := make([]byte, chunk+branchLen)
	for _, t := range br.mod.Text() {
		for lo := t.Lo; lo < t.Hi; lo += chunk {
			b := buf[:min(uint64(len(buf)), t.Hi-lo)]
			if br.mod.ReadText(b, lo) == nil {
				br.scan(b, lo)
			}
		}
	}
}

func regionsOf(mod Module, addrs []uint64) []elfsym.Func {
	if len(addrs) > maxRegions {
		return mod.Text()
	}
	var out []elfsym.Func
	for _, addr := range addrs {
		fn, ok := extent(mod, addr)
		if !ok {
			out = append(out, elfsym.Func{Lo: addr, Hi: addr + 1}) // syscallhook asks about it alone
			continue
		}
		out = append(out, withPadding(fn))
		for _, part := range outward(mod, fn) {
			out = append(out, withPadding(part))
		}
	}
	if len(out) > maxPieces {
		return mod.Text()
	}
	return out
}

// withPadding is fn and what a jmp rel8 at its start could be made to lead to.
func withPadding(fn elfsym.Func) elfsym.Func {
	fn.Lo -= min(shortReach, fn.Lo)
	fn.Hi += shortReach
	return fn
}

// outward is the functions, cold parts among them, that branches of fn lead to.
func outward(mod Module, fn elfsym.Func) (out []elfsym.Func) {
	f := &Function{mod: mod}
	p, err := f.decode(fn)
	if err != nil {
		return nil
	}
	for _, goal := range p.goals {
		if fn.Lo <= goal && goal < fn.Hi {
			continue
		}
		if to, ok := mod.FuncAt(goal); ok && !slices.Contains(out, to) && len(out) < maxPieces {
			out = append(out, to)
		}
	}
	return out
}

// scan looks at every four bytes for a displacement that leads to what is asked
// about, and only then for the branch before it: a test that hardly ever succeeds
// costs a third of one for opcodes. Arithmetic is modulo 2^32, as modules are
// smaller than that.
func (br *Branches) scan(code []byte, lo uint64) {
	size, base := uint32(min(br.hi-br.lo, 1<<32-1)), uint32(lo-br.lo)+4
	at := 1
	for ; at+8 <= len(code); at += 4 {
		v, end := binary.LittleEndian.Uint64(code[at:]), base+uint32(at)
		if uint32(v)+end < size {
			br.look(code, lo, at)
		}
		if uint32(v>>8)+end+1 < size {
			br.look(code, lo, at+1)
		}
		if uint32(v>>16)+end+2 < size {
			br.look(code, lo, at+2)
		}
		if uint32(v>>24)+end+3 < size {
			br.look(code, lo, at+3)
		}
	}
	for ; at+4 <= len(code); at++ {
		br.look(code, lo, at)
	}
}

// look notes the goal of the branch whose displacement is at code[i], if it is one. An
// address that is taken counts as well: libc's __restore_rt begins one byte behind what
// unwind data says, and only the kernel is told where.
func (br *Branches) look(code []byte, lo uint64, i int) {
	goal := lo + uint64(i+4) + uint64(int64(int32(binary.LittleEndian.Uint32(code[i:]))))
	switch {
	case code[i-1]&0xfe == 0xe8:
		br.keep(lo+uint64(i-1), goal)
	case i > 1 && code[i-2] == 0x0f && code[i-1]&0xf0 == 0x80:
		br.keep(lo+uint64(i-2), goal)
	case i > 2 && code[i-3]&0xf8 == 0x48 && code[i-2] == 0x8d && code[i-1]&0xc7 == 0x05: // lea goal(%rip), %reg
		br.keep(lo+uint64(i-3), goal)
	}
}

// keep notes that a branch at source leads to goal.
func (br *Branches) keep(source, goal uint64) {
	if br.found != nil && goal-br.lo < br.hi-br.lo {
		*br.found = append(*br.found, branch{source, goal})
	}
	for _, t := range br.regions {
		if at := goal - t.Lo; at < t.Hi-t.Lo {
			t.goals[at/64] |= 1 << (at % 64)
		}
	}
}

// Lead tells whether something may branch to addr: to what was not asked about,
// something may.
func (br *Branches) Lead(addr uint64) bool {
	for _, t := range br.regions {
		if at := addr - t.Lo; at < t.Hi-t.Lo {
			return t.goals[at/64]>>(at%64)&1 != 0 && br.real(addr)
		}
	}
	return true
}

// shortReach is how far a rel8 branch goes, its own length included.
const shortReach = 127 + 15

// readAround learns who the neighbours of a piece are, and adds the goals of their
// short branches. Code that belongs to no function counts when it looks like one.
func (f *Function) readAround(p piece) {
	lo, hi := p.Lo-min(shortReach, p.Lo), p.Hi+shortReach
	for _, r := range [][2]uint64{{lo, p.Lo}, {p.Hi, hi}} {
		at := r[0]
		for _, fn := range f.mod.FuncsIn(r[0], r[1]) {
			if fn.Lo < p.Hi && fn.Hi > p.Lo {
				continue
			}
			f.around = append(f.around, fn)
			f.unclaimed(at, fn.Lo)
			f.neighbour(fn)
			at = max(at, fn.Hi)
		}
		f.unclaimed(at, r[1])
	}
}

func (f *Function) neighbour(fn elfsym.Func) {
	p, err := f.decode(fn)
	if err != nil {
		f.unclaimed(fn.Lo, fn.Hi)
		return
	}
	for _, goal := range p.goals {
		f.foreign[goal] = struct{}{}
	}
}

// unclaimed treats [lo, hi) as if a short branch could begin at each byte.
func (f *Function) unclaimed(lo, hi uint64) {
	if lo >= hi || hi-lo > maxBytes {
		return
	}
	b, err := f.mod.Bytes(lo, int(hi-lo))
	if err != nil {
		return
	}
	for i := 0; i+2 <= len(b); i++ {
		if b[i] != 0xeb && b[i]&0xf0 != 0x70 && b[i]&0xfc != 0xe0 {
			continue
		}
		if in, err := x86.Decode(b[i:]); err == nil {
			if to, ok := in.Target(b[i:], lo+uint64(i)); ok {
				f.foreign[to] = struct{}{}
			}
		}
	}
}
