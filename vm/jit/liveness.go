package jit

import "github.com/bpftime-go/bpftime/vm"

// registerSet is a set of BPF registers, one bit each.
type registerSet uint16

const allRegisters = registerSet(1<<vm.NumRegisters - 1)

// clobbered by a call, of which r1 to r5 are its arguments.
const (
	callArguments = registerSet(0b111110)
	callResults   = registerSet(0b111111)
)

func setOf(r vm.Register) registerSet { return 1 << r }

func (s registerSet) has(r vm.Register) bool { return s&setOf(r) != 0 }

// maxPasses bounds the work of liveness for flow that no compiler makes.
const maxPasses = 20

// liveness returns, for each instruction of the function, the registers whose
// values may still be read after it. The table begins at fn.Start.
func liveness(p *vm.Program, fn vm.Function) []registerSet {
	after := make([]registerSet, fn.End-fn.Start)
	for range maxPasses {
		if !flowBack(p, fn, after) {
			return after
		}
	}
	for i := range after {
		after[i] = allRegisters
	}
	return after
}

// flowBack follows the flow once from the function's end to its start, and
// reports whether that changed anything.
func flowBack(p *vm.Program, fn vm.Function, after []registerSet) (changed bool) {
	before := func(i int) registerSet {
		reads, writes := effect(p.Instructions()[i])
		return after[i-fn.Start]&^writes | reads
	}
	for i := fn.End - 1; i >= fn.Start; i-- {
		in := p.Instructions()[i]
		live := registerSet(0)
		if !in.IsAlways() && !in.IsExit() && i+1 < fn.End {
			live = before(i + 1)
		}
		if in.IsBranch() {
			live |= before(p.Target(i))
		}
		if live != after[i-fn.Start] {
			after[i-fn.Start], changed = live, true
		}
	}
	return changed
}

// effect is what an instruction reads and what it writes for certain.
func effect(in vm.Instruction) (reads, writes registerSet) {
	dst, src := setOf(in.Dst), setOf(in.Src)
	switch op := in.OpCode; op.Class() {
	case vm.ALU, vm.ALU64:
		return effectALU(in)
	case vm.JMP, vm.JMP32:
		return effectJump(in)
	case vm.LD:
		return 0, dst
	case vm.LDX:
		return src, dst
	case vm.ST:
		return dst, 0
	default:
		if op.Mode() == vm.ATOMIC {
			return effectAtomic(in)
		}
		return dst | src, 0
	}
}

func effectALU(in vm.Instruction) (reads, writes registerSet) {
	writes = setOf(in.Dst)
	if in.OpCode.Source() == vm.X && in.OpCode.Op() != vm.END {
		reads = setOf(in.Src)
	}
	if in.OpCode.Op() != vm.MOV {
		reads |= writes
	}
	return reads, writes
}

func effectAtomic(in vm.Instruction) (reads, writes registerSet) {
	dst, src := setOf(in.Dst), setOf(in.Src)
	switch {
	case in.Imm == vm.LOAD_ACQ:
		return src, dst
	case in.Imm == vm.CMPXCHG:
		return dst | src | setOf(vm.R0), setOf(vm.R0)
	case in.Imm&vm.FETCH != 0:
		return dst | src, src
	}
	return dst | src, 0
}

func effectJump(in vm.Instruction) (reads, writes registerSet) {
	switch {
	case in.IsExit():
		return setOf(vm.R0), 0
	case in.OpCode == vm.CALLX:
		return setOf(in.Dst) | callArguments, callResults
	case in.OpCode == vm.JMP|vm.CALL:
		return callArguments, callResults
	case in.IsAlways():
		return 0, 0
	case in.OpCode.Source() == vm.X:
		return setOf(in.Dst) | setOf(in.Src), 0
	}
	return setOf(in.Dst), 0
}
