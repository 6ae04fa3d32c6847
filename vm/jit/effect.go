package jit

import "github.com/bpftime-go/bpftime/vm"

// effect is what an instruction reads, and what it writes for certain.
func effect(in vm.Instruction) (reads, writes registerSet) {
	dst, src := setOf(in.Dst), setOf(in.Src)
	switch in.OpCode.Class() {
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
	}
	if in.OpCode.Mode() == vm.ATOMIC {
		return effectAtomic(in)
	}
	return dst | src, 0
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
		return setOf(in.Dst) | callArguments, callClobbers
	case in.OpCode == vm.JMP|vm.CALL:
		return callArguments, callClobbers
	case in.IsAlways(), in.OpCode == vm.MayGoto:
		return 0, 0
	case in.OpCode.Source() == vm.X:
		return setOf(in.Dst) | setOf(in.Src), 0
	}
	return setOf(in.Dst), 0
}
