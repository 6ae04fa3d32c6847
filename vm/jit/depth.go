package jit

import (
	"slices"

	"github.com/bpftime-go/bpftime/vm"
)

// How deep a function uses its stack. A stack access has a base that is r10 or
// was computed from it; the analysis follows, for every register at every
// instruction, how far below r10 it may point. Values are ordered, a join is
// the minimum:
//
//	notStack > 0 (r10 itself) > -1 > … > -512 > anywhere
//
// A pointer that leaves the registers (stored, passed to a function of the
// program) may come back moved, so the whole frame counts as used. One given to
// a helper counts as used from there upwards, which is how helpers use memory;
// but a helper may pass it on to a function of the program whose address it got.
const (
	notStack = 1
	anywhere = -vm.FrameSize - 1
)

// maxVisits is when a value that keeps sinking in a loop is given up.
const maxVisits = 8

type pointers [vm.NumRegisters]int16

// stackUse is what the analysis knows of a function.
type stackUse struct {
	prog      *vm.Program
	fn        vm.Function
	callsBack bool       // a helper may call functions of the program
	at        []pointers // on entry to an instruction; by index - fn.Start
	visits    []uint8    // 0: not reached
	work      []int
	depth     int // how many bytes below r10 may be touched
}

// useOfStack analyses function number f.
func useOfStack(p *vm.Program, f int) *stackUse {
	fn := p.Functions()[f]
	a := &stackUse{prog: p, fn: fn, callsBack: takesAddresses(p)}
	if !a.copiesFP() {
		return a
	}
	a.at = make([]pointers, fn.End-fn.Start)
	a.visits = make([]uint8, fn.End-fn.Start)
	a.flow(fn.Start, entryPointers())
	for len(a.work) > 0 && a.depth < vm.FrameSize {
		i := a.work[len(a.work)-1]
		a.work = a.work[:len(a.work)-1]
		a.visit(i)
	}
	return a
}

// elsewhere reports that before the instruction at index i the register points to
// nothing in the function's own frame.
func (a *stackUse) elsewhere(i int, r vm.Register) bool {
	switch {
	case r == vm.R10, a.depth == vm.FrameSize: // then not all has been looked at
		return false
	case a.at == nil: // r10 is never copied
		return true
	}
	return a.visits[i-a.fn.Start] != 0 && a.at[i-a.fn.Start][r] == notStack
}

// takesAddresses reports whether functions are called other than by name.
func takesAddresses(p *vm.Program) bool {
	return slices.ContainsFunc(p.Functions(), func(fn vm.Function) bool { return fn.Referenced })
}

// copiesFP is the common case: r10 is the base of accesses and nothing else.
// The deepest of them is noted.
func (a *stackUse) copiesFP() bool {
	for _, in := range a.prog.Instructions()[a.fn.Start:a.fn.End] {
		if in.OpCode.IsALU() && in.OpCode.Source() == vm.X && in.Src == vm.R10 ||
			in.OpCode.Class() == vm.STX && in.Src == vm.R10 {
			return true
		}
		if base, ok := accessBase(in); ok && base == vm.R10 {
			a.access(0, in.Off)
		}
	}
	return false
}

// entryPointers: arguments do not point into a frame that is made just now.
func entryPointers() (p pointers) {
	for r := range p {
		p[r] = notStack
	}
	p[vm.R10] = 0
	return p
}

// accessBase is the register an instruction addresses memory by.
func accessBase(in vm.Instruction) (vm.Register, bool) {
	switch in.OpCode.Class() {
	case vm.LDX:
		return in.Src, true
	case vm.ST:
		return in.Dst, true
	case vm.STX:
		if in.OpCode.Mode() == vm.ATOMIC && in.Imm == vm.LOAD_ACQ {
			return in.Src, true
		}
		return in.Dst, true
	}
	return 0, false
}

// reach notes a use of the byte at r10+at and of those above.
func (a *stackUse) reach(at int) {
	a.depth = min(max(a.depth, -at), vm.FrameSize)
}

// flow joins p into what is known at instruction i.
func (a *stackUse) flow(i int, p pointers) {
	n := i - a.fn.Start
	if a.visits[n] == 0 {
		a.at[n], a.visits[n] = p, 1
		a.work = append(a.work, i)
		return
	}
	changed := false
	for r := range p {
		if p[r] < a.at[n][r] {
			a.at[n][r], changed = p[r], true
			if a.visits[n] > maxVisits {
				a.at[n][r] = anywhere
			}
		}
	}
	if changed {
		a.visits[n] = min(a.visits[n]+1, maxVisits+1)
		a.work = append(a.work, i)
	}
}

func (a *stackUse) visit(i int) {
	in := a.prog.Instructions()[i]
	p := a.at[i-a.fn.Start]
	a.use(in, &p)
	a.step(in, &p)
	if in.IsBranch() {
		a.flow(a.prog.Target(i), p)
	}
	if !in.IsAlways() && !in.IsExit() && i+1 < a.fn.End {
		a.flow(i+1, p)
	}
}

// use notes what the instruction touches.
func (a *stackUse) use(in vm.Instruction, p *pointers) {
	if base, ok := accessBase(in); ok {
		a.access(p[base], in.Off)
	}
	if in.OpCode.Class() == vm.STX && p[in.Src] != notStack && in.Imm != vm.LOAD_ACQ {
		a.reach(anywhere)
	}
	if in.OpCode != vm.CALLX && in.OpCode != vm.JMP|vm.CALL {
		return
	}
	for _, at := range p[vm.R1 : vm.R5+1] {
		switch {
		case at == notStack:
		case in.IsHelperCall() && !a.callsBack:
			a.reach(int(at))
		default:
			a.reach(anywhere)
		}
	}
}

func (a *stackUse) access(base, off int16) {
	switch base {
	case notStack:
	case anywhere:
		a.reach(anywhere)
	default:
		a.reach(int(base) + int(off))
	}
}

// step computes the registers after the instruction.
func (a *stackUse) step(in vm.Instruction, p *pointers) {
	switch op := in.OpCode; {
	case in.IsCast(): // goes elsewhere, whatever it was
		p[in.Dst] = notStack
	case op.IsALU():
		p[in.Dst] = aluPointer(in, p)
	case op.Class() == vm.LDX, op == vm.LDDW:
		p[in.Dst] = notStack
	case op.Class() == vm.STX && op.Mode() == vm.ATOMIC:
		a.stepAtomic(in, p)
	case op == vm.CALLX, op == vm.JMP|vm.CALL:
		for r := vm.R0; r <= vm.R5; r++ {
			p[r] = notStack
		}
	}
}

// stepAtomic: what comes out of memory is no stack pointer, for none went in.
func (a *stackUse) stepAtomic(in vm.Instruction, p *pointers) {
	switch {
	case in.Imm == vm.LOAD_ACQ:
		p[in.Dst] = notStack
	case in.Imm == vm.CMPXCHG:
		p[vm.R0] = notStack
	case in.Imm&vm.FETCH != 0:
		p[in.Src] = notStack
	}
}

// aluPointer is where the result of an ALU operation may point.
func aluPointer(in vm.Instruction, p *pointers) int16 {
	isImm := in.OpCode.Source() == vm.K
	switch in.OpCode {
	case vm.ALU64 | vm.MOV | vm.X:
		if in.Off == 0 {
			return p[in.Src]
		}
	case vm.ALU64 | vm.ADD | vm.K:
		return movePointer(p[in.Dst], in.Imm)
	case vm.ALU64 | vm.SUB | vm.K:
		return movePointer(p[in.Dst], -in.Imm)
	}
	fromStack := !isImm && p[in.Src] != notStack
	if in.OpCode.Op() != vm.MOV {
		fromStack = fromStack || p[in.Dst] != notStack
	}
	if fromStack {
		return anywhere
	}
	return notStack
}

func movePointer(at int16, by int64) int16 {
	switch to := int64(at) + by; {
	case at == notStack, at == anywhere:
		return at
	case to >= -vm.FrameSize && to <= 0:
		return int16(to)
	}
	return anywhere
}
