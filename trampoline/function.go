package trampoline

import (
	"fmt"
	"slices"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// A Module is what has to be known of an ELF file; *elfsym.File is one.
type Module interface {
	Text() []elfsym.Func
	ReadText(b []byte, vaddr uint64) error
	Bytes(vaddr uint64, n int) ([]byte, error)
	FuncAt(vaddr uint64) (elfsym.Func, bool)
	FuncsIn(lo, hi uint64) []elfsym.Func
	CFAs(elfsym.Func) ([]elfsym.CFARow, error)
	LandingPads(elfsym.Func) ([]uint64, error)
	JumpTableTargets(elfsym.Func) ([]uint64, error)
	Restartable() bool
	Unsized(vaddr uint64) (elfsym.Func, bool)
	Import(slot uint64) string
	StackWalker() string
}

// Bounds of one analysis: a function and what it jumps to.
const (
	maxBytes  = 256 << 10
	maxPieces = 32
)

type insn struct {
	x86.Inst
	addr uint64
	b    []byte // Inst.Len bytes
}

func (i insn) end() uint64 { return i.addr + uint64(i.Len) }

// piece is one contiguous range of code with its own unwind data: the function,
// its cold part, or a function it jumps to.
type piece struct {
	elfsym.Func
	insns    []insn
	goals    []uint64 // where its direct branches lead, calls apart
	indirect []int    // its indirect jumps, in insns
}

// Function is a decoded function.
type Function struct {
	mod      Module
	pieces   []piece             // the function first, then what it continues in
	goals    map[uint64]struct{} // where its branches, tables and landing pads lead
	foreign  map[uint64]struct{} // where short branches of its neighbours lead
	branches *Branches           // and the long ones of the rest of the module
	around   []elfsym.Func       // the neighbours
	// unknown says why goals or pieces may be incomplete: "" when they are not.
	unknown string
	// blind is set when a jump table was not understood: any instruction may be a goal.
	blind bool
	// copier is Arena.Copier.
	copier string
}

// Read decodes the function that contains addr. branches is the module's.
func Read(mod Module, branches *Branches, addr uint64) (*Function, error) {
	fn, ok := extent(mod, addr)
	if !ok {
		return nil, refuse("nothing says where the function at %#x ends: no unwind data and no symbol with a size", addr)
	}
	f := &Function{mod: mod, branches: branches, goals: map[uint64]struct{}{}, foreign: map[uint64]struct{}{}}
	p, err := f.decode(fn)
	if err != nil {
		return nil, err
	}
	f.pieces = []piece{p}
	f.follow()
	f.readAround(p)
	return f, nil
}

// decode reads one piece. Neighbours and what many functions jump on to are met
// again and again.
func (f *Function) decode(fn elfsym.Func) (piece, error) {
	if p, ok := f.branches.known(fn); ok {
		return p, nil
	}
	p, err := f.read(fn)
	if err == nil {
		f.branches.keepPiece(p)
	}
	return p, err
}

// read decodes one piece, instruction by instruction.
func (f *Function) read(fn elfsym.Func) (piece, error) {
	p := piece{Func: fn}
	if fn.Hi-fn.Lo > maxBytes {
		return p, refuse("the function is larger than %d KiB", maxBytes>>10)
	}
	code, err := f.mod.Bytes(fn.Lo, int(fn.Hi-fn.Lo))
	if err != nil {
		return p, refuse("its code cannot be read: %v", err)
	}
	p.insns = make([]insn, 0, len(code)/3+1)
	for at := 0; at < len(code); {
		in, err := x86.Decode(code[at:])
		if err != nil {
			return p, refuse("the instruction at +%#x cannot be decoded (%x): %v", at, code[at:min(at+8, len(code))], err)
		}
		p.add(insn{in, fn.Lo + uint64(at), code[at : at+in.Len]})
		at += in.Len
	}
	return p, nil
}

func (p *piece) add(in insn) {
	switch in.Flow() {
	case x86.FlowJumpIndirect:
		p.indirect = append(p.indirect, len(p.insns))
	case x86.FlowJump, x86.FlowCond, x86.FlowLoop:
		if to, ok := in.Target(in.b, in.addr); ok {
			p.goals = append(p.goals, to)
		}
	}
	p.insns = append(p.insns, in)
}

// follow collects goals, and reads the pieces that jumps and landing pads lead to.
func (f *Function) follow() {
	size := uint64(0)
	for i := 0; i < len(f.pieces); i++ {
		goals := f.collect(f.pieces[i])
		for _, out := range goals {
			f.goals[out] = struct{}{}
			if f.holds(out) {
				continue
			}
			fn, ok := f.mod.FuncAt(out)
			size += fn.Hi - fn.Lo
			if !ok || len(f.pieces) == maxPieces || size > maxBytes {
				f.unknown = fmt.Sprintf("it jumps on to %#x, and what follows there is too much or unknown", out)
				continue
			}
			p, err := f.decode(fn)
			if err != nil {
				f.unknown = fmt.Sprintf("it jumps on to %#x: %v", out, err)
				continue
			}
			f.pieces = append(f.pieces, p)
		}
	}
}

func (f *Function) holds(addr uint64) bool {
	return slices.ContainsFunc(f.pieces, func(p piece) bool { return p.Lo <= addr && addr < p.Hi })
}

// collect returns where one piece of the function leads. What is not understood of
// another function, which this one jumps on to, cannot lead back into this one.
func (f *Function) collect(p piece) []uint64 {
	goals := append(slices.Clip(p.goals), f.tableGoals(p)...)
	pads, err := f.mod.LandingPads(p.Func)
	f.blind = f.blind || err != nil && f.owns(p)
	return append(goals, pads...)
}

// tableGoals is where the indirect jumps of a piece lead.
func (f *Function) tableGoals(p piece) (targets []uint64) {
	var err error
	read, leaves := false, uint64(0)
	for _, i := range p.indirect {
		in := p.insns[i]
		kind := tableOf(p.insns[:i], in)
		if kind != noTable && !read {
			targets, err = f.mod.JumpTableTargets(p.Func)
			read = true
		}
		switch {
		case kind == noTable, kind == pointers && err == nil && len(targets) == 0: // a table of functions
			leaves = in.addr
		case err != nil || len(targets) == 0:
			f.blind = f.blind || f.owns(p)
		}
	}
	if leaves != 0 {
		f.unknown = "it leaves by an indirect jump at " + f.place(leaves)
	}
	return targets
}

// place is an address for messages: an offset in the function, or where it lies in
// the file when that is in other code that the function jumps on to.
func (f *Function) place(addr uint64) string {
	if first := f.pieces[0]; first.Lo <= addr && addr < first.Hi {
		return fmt.Sprintf("+%#x", addr-first.Lo)
	}
	return fmt.Sprintf("%#x, in code that it jumps on to", addr)
}

// owns tells the function and its cold part from functions it jumps on to.
func (f *Function) owns(p piece) bool { return p.Lo == f.pieces[0].Lo || f.isPart(p) }

// What an indirect jump takes its target from.
const (
	noTable  = iota
	offsets  // from the table's start
	pointers // addresses, of places in the function or of functions
)

// tableOf tells a switch from a tail call: `jmp *table(,%r,8)`, or `jmp *%r` right
// after the `add` that turns an offset into an address, or after a load with a
// scaled index.
func tableOf(before []insn, jump insn) int {
	if jump.HasMem {
		return pointersIf(jump)
	}
	for n, i := 0, len(before)-1; i >= 0 && n < 4; n, i = n+1, i-1 {
		in := before[i]
		if in.Enc != x86.Legacy || in.Map != x86.MapOneByte {
			continue
		}
		switch {
		case in.Op == 0x01 && !in.HasMem && in.RM == jump.RM, in.Op == 0x03 && in.Reg == jump.RM:
			return offsets
		case in.Op == 0x8b && in.Reg == jump.RM:
			return pointersIf(in)
		}
	}
	return noTable
}

func pointersIf(in insn) int {
	if in.HasMem && in.Mem.Index != x86.NoReg && in.Mem.Scale == 8 {
		return pointers
	}
	return noTable
}

// entered tells whether control may arrive at addr other than from the
// instruction before it.
func (f *Function) entered(addr uint64) bool { return f.blind || f.led(addr) }

// led tells whether a branch, a table or a landing pad that is known leads to addr.
func (f *Function) led(addr uint64) bool {
	_, own := f.goals[addr]
	return own || f.shared(addr)
}

// shared tells whether something outside the function may lead to addr.
func (f *Function) shared(addr uint64) bool {
	_, foreign := f.foreign[addr]
	return foreign || f.branches.Lead(addr)
}

// enteredIn finds where control may arrive in the bytes of an instruction, at its
// start as well unless that is the window's. Between its bytes too: to skip a lock
// prefix where there is one thread is an old trick.
func (f *Function) enteredIn(in insn, first bool) (uint64, bool) {
	if !first && f.entered(in.addr) {
		return in.addr, true
	}
	for at := in.addr + 1; at < in.end(); at++ {
		if f.led(at) {
			return at, true
		}
	}
	return 0, false
}

// returnsFromSignal looks for it at the start, or a byte behind: unwind data begins
// there, since unwinders look for a caller a byte before its return address.
func (f *Function) returnsFromSignal() bool {
	lo := f.pieces[0].Lo
	code := f.bytesAt(lo, 1+x86.SigreturnLen)
	return x86.IsSigreturn(code) || len(code) > 0 && x86.IsSigreturn(code[1:])
}

// loops tells whether something in the function jumps to its first instruction.
func (f *Function) loops() bool {
	_, ok := f.goals[f.pieces[0].Lo]
	return ok
}
