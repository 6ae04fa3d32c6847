package jit

import (
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// hostRegisters is the mapping that doc.go draws.
var hostRegisters = [vm.NumRegisters]x86.Reg{
	vm.R0: x86.RAX,
	vm.R1: x86.RDI, vm.R2: x86.RSI, vm.R3: x86.RDX, vm.R4: x86.RCX, vm.R5: x86.R8,
	vm.R6: x86.RBX, vm.R7: x86.R13, vm.R8: x86.R14, vm.R9: x86.R15,
	vm.R10: x86.RBP,
}

// Scratch registers; no BPF register lives there and no callee keeps them.
const (
	scratch1 = x86.R11
	scratch2 = x86.R10
	scratch3 = x86.R9
)

// tailCount holds the tail calls left.
const tailCount = x86.R12

func reg(r vm.Register) x86.Reg { return hostRegisters[r] }

// source is the second operand of an ALU or jump instruction.
func (c *compiler) source(in vm.Instruction) x86.Operand {
	if in.OpCode.Source() == vm.X {
		return c.read(in.Src)
	}
	return x86.Imm(in.Imm)
}

// width is that of an ALU or jump operation.
func width(op vm.OpCode) x86.Width {
	if op.Is64() {
		return x86.W64
	}
	return x86.W32
}
