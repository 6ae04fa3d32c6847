package jit_test

import (
	"testing"

	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/jit"
)

// The largest program there can be is translated in one go, and its jumps,
// built so that each would have to be laid out after the other, arrive.
func TestLargestProgram(t *testing.T) {
	insns := make([]vm.Instruction, 0, vm.MaxSlots)
	insns = append(insns, vm.Instruction{OpCode: vm.ALU64 | vm.MOV})
	for len(insns) < vm.MaxSlots-41 {
		insns = append(insns,
			vm.Instruction{OpCode: vm.JMP | vm.JEQ | vm.X, Dst: 1, Src: 2, Off: 40},
			vm.Instruction{OpCode: vm.ALU64 | vm.ADD, Dst: vm.R0, Imm: 1})
	}
	for len(insns) < vm.MaxSlots {
		insns = append(insns, vm.Instruction{OpCode: vm.JMP | vm.EXIT})
	}
	p, err := vm.Validate(insns, vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	code, err := jit.Compile(unverified.Program(p), jit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(code.Offsets) != vm.MaxSlots+1 || len(code.Text) < vm.MaxSlots*3 {
		t.Errorf("%d offsets, %d bytes", len(code.Offsets), len(code.Text))
	}
}
