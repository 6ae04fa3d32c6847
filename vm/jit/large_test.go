package jit_test

import (
	"testing"

	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/jit"
)

// compileLarge translates a program of the most slots there can be: begin, then
// what each makes of a slot's number, then exits.
func compileLarge(t *testing.T, each func(slot int) vm.Instruction) *jit.Code {
	t.Helper()
	insns := []vm.Instruction{{OpCode: vm.ALU64 | vm.MOV}}
	for len(insns) < vm.MaxSlots-50 {
		insns = append(insns, each(len(insns)))
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
	return code
}

func jump(off int16) vm.Instruction {
	return vm.Instruction{OpCode: vm.JMP | vm.JEQ | vm.X, Dst: 1, Src: 2, Off: off}
}

// The largest program there can be is translated in one go, and its jumps,
// built so that each would have to be laid out after the other, arrive.
func TestLargestProgram(t *testing.T) {
	code := compileLarge(t, func(slot int) vm.Instruction {
		if slot%2 == 0 {
			return jump(40)
		}
		return vm.Instruction{OpCode: vm.ALU64 | vm.ADD, Dst: vm.R0, Imm: 1}
	})
	if len(code.Offsets) != vm.MaxSlots+1 || len(code.Text) < vm.MaxSlots*3 {
		t.Errorf("%d offsets, %d bytes", len(code.Offsets), len(code.Text))
	}
}

// Flow that no compiler makes takes no time out of proportion: loops around
// loops, jumps into the middle of loops, and liveness that every pass carries
// one block further.
func TestHostileFlow(t *testing.T) {
	for name, each := range map[string]func(slot int) vm.Instruction{
		"all to the start":     func(slot int) vm.Instruction { return jump(int16(max(-slot-1, -30000))) },
		"each to the last one": func(int) vm.Instruction { return jump(-2) },
		"forward and back": func(slot int) vm.Instruction {
			return jump([]int16{40, -37, 3, -2}[slot%4] * int16(min(slot/100, 1)))
		},
		"one long block": func(slot int) vm.Instruction {
			return vm.Instruction{OpCode: vm.ALU64 | vm.MOV | vm.X, Dst: vm.Register(slot % 10), Src: vm.Register(slot % 7)}
		},
		"backwards in steps": func(slot int) vm.Instruction {
			if slot%2 == 0 {
				return jump(int16(max(-slot-1, -4)))
			}
			return vm.Instruction{OpCode: vm.ALU64 | vm.MOV | vm.X, Dst: vm.Register(slot / 2 % 10), Src: vm.Register((slot/2 + 1) % 10)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if code := compileLarge(t, each); len(code.Text) == 0 {
				t.Error("no code")
			}
		})
	}
}
