//go:build linux && amd64

package exec_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/interp"
	"github.com/bpftime-go/bpftime/vm/jit"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
)

// observed wraps one instruction: r0 to r9 are loaded from the words 0 to 9 of
// the memory, and after the instruction they and words -16 to -1 of the stack,
// which the memory's words 10 to 25 fill first, are written back.
func observed(body ...vm.Instruction) []vm.Instruction {
	const keep = -8 * 20 // where the memory's address stays
	word := func(i int) int16 { return int16(8 * i) }
	var p []vm.Instruction
	load := func(dst, base vm.Register, off int16) {
		p = append(p, vm.Instruction{OpCode: vm.LDX | vm.MEM | vm.DW, Dst: dst, Src: base, Off: off})
	}
	store := func(base, src vm.Register, off int16) {
		p = append(p, vm.Instruction{OpCode: vm.STX | vm.MEM | vm.DW, Dst: base, Src: src, Off: off})
	}
	store(vm.R10, vm.R1, keep)
	for i := range 16 {
		load(vm.R0, vm.R1, word(10+i))
		store(vm.R10, vm.R0, word(i-16))
	}
	for _, r := range []vm.Register{0, 2, 3, 4, 5, 6, 7, 8, 9, 1} {
		load(r, vm.R1, word(int(r)))
	}
	p = append(p, body...)
	spill := func(r vm.Register) int16 { return keep - 8*(int16(r)+1) }
	for r := range vm.R10 {
		store(vm.R10, r, spill(r))
	}
	load(vm.R1, vm.R10, keep)
	for r := range vm.R10 {
		load(vm.R0, vm.R10, spill(r))
		store(vm.R1, vm.R0, word(int(r)))
	}
	for i := range 16 {
		load(vm.R0, vm.R10, word(i-16))
		store(vm.R1, vm.R0, word(10+i))
	}
	return append(p, vm.Instruction{OpCode: vm.JMP | vm.EXIT})
}

// inputs are memories for observed; every pair of edges meets in some registers.
func inputs() [][]byte {
	edges := []uint64{
		0, 1, 2, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		0x8000000000000000, 0x7fffffffffffffff, 0xffffffffffffffff, 0xfffffffffffffffe, 0xffffffff80000000, 0x0123456789abcdef,
	}
	var mems [][]byte
	for step := 1; step < len(edges); step += 2 {
		var mem []byte
		for i := range 26 {
			mem = binary.LittleEndian.AppendUint64(mem, edges[(i*step+step/3)%len(edges)])
		}
		mems = append(mems, mem)
	}
	return mems
}

// bothAgree runs the program in the interpreter and as machine code, with and
// without BMI2, and compares the memory afterwards.
func bothAgree(t *testing.T, insns []vm.Instruction, mems [][]byte) {
	t.Helper()
	p, err := vm.Validate(insns, vm.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, vm.Disassemble(insns))
	}
	m, err := interp.New(p, interp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range features() {
		x, err := exec.New(unverified.Program(p), exec.Options{Features: &f})
		if err != nil {
			t.Fatal(err)
		}
		for _, mem := range mems {
			want, got := bytes.Clone(mem), bytes.Clone(mem)
			if _, err := m.Run(want); err != nil {
				t.Fatalf("%v\n%s", err, vm.Disassemble(insns))
			}
			if _, err := x.Run(got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, got) {
				t.Fatalf("%+v: with the words\n%s\n%s", f, words(mem, want, got), vm.Disassemble(insns))
			}
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func words(before, want, got []byte) (s string) {
	for i := 0; i < len(before); i += 8 {
		w, g := binary.LittleEndian.Uint64(want[i:]), binary.LittleEndian.Uint64(got[i:])
		s += fmt.Sprintf("%2d: %#018x -> %#018x", i/8, binary.LittleEndian.Uint64(before[i:]), w)
		if w != g {
			s += fmt.Sprintf(", machine code: %#018x", g)
		}
		s += "\n"
	}
	return s
}

func features() []jit.Features {
	all := []jit.Features{{}}
	if f := jit.HostFeatures(); f != all[0] {
		all = append(all, f)
	}
	return all
}

// Every ALU operation, on every pair of registers, and on every register with
// immediates: dst = src, rax, rdx and rcx are where translations go wrong.
func TestALUOnEveryRegister(t *testing.T) {
	mems := inputs()
	for _, op := range aluOps() {
		t.Run(vm.Instruction{OpCode: op.OpCode, Dst: 1, Src: 2, Off: op.Off, Imm: op.Imm}.String(), func(t *testing.T) {
			for dst := range vm.R10 {
				in := op
				in.Dst = dst
				if op.OpCode.Source() == vm.K || op.OpCode.Op() == vm.END {
					bothAgree(t, observed(in), mems)
					continue
				}
				for src := range vm.R10 {
					in.Src = src
					bothAgree(t, observed(in), mems)
				}
			}
		})
	}
}

func aluOps() (ops []vm.Instruction) {
	immediates := []int64{0, 1, -1, 7, 31, 32, 63, 64, 0xff, -0x80000000, 0x7fffffff}
	for _, class := range []vm.OpCode{vm.ALU, vm.ALU64} {
		for _, op := range []vm.OpCode{vm.ADD, vm.SUB, vm.MUL, vm.DIV, vm.OR, vm.AND, vm.LSH, vm.RSH, vm.MOD, vm.XOR, vm.MOV, vm.ARSH} {
			for _, off := range offsets(class, op) {
				ops = append(ops, vm.Instruction{OpCode: class | op | vm.X, Off: off})
				for _, imm := range immediates {
					if off <= 1 {
						ops = append(ops, vm.Instruction{OpCode: class | op, Off: off, Imm: imm})
					}
				}
			}
		}
		ops = append(ops, vm.Instruction{OpCode: class | vm.NEG})
	}
	for _, bits := range []int64{16, 32, 64} {
		for _, op := range []vm.OpCode{vm.LE, vm.BE, vm.BSWAP} {
			ops = append(ops, vm.Instruction{OpCode: op, Imm: bits})
		}
	}
	return ops
}

// offsets are the variants of an operation: signed, sign-extending.
func offsets(class, op vm.OpCode) []int16 {
	switch {
	case op == vm.DIV || op == vm.MOD:
		return []int16{0, 1}
	case op == vm.MOV && class == vm.ALU64:
		return []int16{0, 8, 16, 32}
	case op == vm.MOV:
		return []int16{0, 8, 16}
	}
	return []int16{0}
}

// Every memory operation, on every pair of base and value. The base points to
// word 4 of the stack's sixteen.
func TestMemoryOnEveryRegister(t *testing.T) {
	mems := inputs()[:4]
	for _, op := range memoryOps() {
		t.Run(vm.Instruction{OpCode: op.OpCode, Dst: 1, Src: 2, Imm: op.Imm}.String(), func(t *testing.T) {
			for base := range vm.R10 {
				for value := range vm.R10 {
					bothAgree(t, observed(access(op, base, value)...), mems)
				}
			}
		})
	}
}

func memoryOps() (ops []vm.Instruction) {
	sizes := []vm.OpCode{vm.B, vm.H, vm.W, vm.DW}
	for _, size := range sizes {
		ops = append(ops,
			vm.Instruction{OpCode: vm.LDX | vm.MEM | size},
			vm.Instruction{OpCode: vm.ST | vm.MEM | size, Imm: -2},
			vm.Instruction{OpCode: vm.ST | vm.MEM | size, Imm: 0x12345678},
			vm.Instruction{OpCode: vm.STX | vm.MEM | size},
			vm.Instruction{OpCode: vm.STX | vm.ATOMIC | size, Imm: vm.LOAD_ACQ},
			vm.Instruction{OpCode: vm.STX | vm.ATOMIC | size, Imm: vm.STORE_REL})
		if size != vm.DW {
			ops = append(ops, vm.Instruction{OpCode: vm.LDX | vm.MEMSX | size})
		}
	}
	for _, size := range sizes[2:] {
		for _, imm := range []int64{
			vm.AtomicADD, vm.AtomicOR, vm.AtomicAND, vm.AtomicXOR, vm.AtomicADD | vm.FETCH, vm.AtomicOR | vm.FETCH,
			vm.AtomicAND | vm.FETCH, vm.AtomicXOR | vm.FETCH, vm.XCHG, vm.CMPXCHG,
		} {
			ops = append(ops, vm.Instruction{OpCode: vm.STX | vm.ATOMIC | size, Imm: imm})
		}
	}
	return ops
}

// access makes the base point into the stack, does op on it and on value, and
// clears the base, whose value differs between engines. What op stored of it
// is cleared too.
func access(op vm.Instruction, base, value vm.Register) []vm.Instruction {
	isLoad := op.OpCode.Class() == vm.LDX || op.Imm == vm.LOAD_ACQ && op.OpCode.Mode() == vm.ATOMIC
	op.Off = 4
	if isLoad {
		op.Dst, op.Src = value, base
	} else {
		op.Dst, op.Src = base, value
	}
	if op.OpCode.Class() == vm.ST {
		op.Src = 0
	}
	body := []vm.Instruction{
		{OpCode: vm.ALU64 | vm.MOV | vm.X, Dst: base, Src: vm.R10},
		{OpCode: vm.ALU64 | vm.ADD, Dst: base, Imm: -8*12 - 4},
		op,
	}
	if op.Imm == vm.CMPXCHG && op.OpCode.Mode() == vm.ATOMIC && base == vm.R0 {
		body = append(body, vm.Instruction{OpCode: vm.ALU64 | vm.MOV, Dst: vm.R0})
	}
	if !(isLoad && base == value) {
		body = append(body, vm.Instruction{OpCode: vm.ALU64 | vm.MOV, Dst: base})
	}
	if base == value && !isLoad && op.OpCode.Class() == vm.STX {
		for i := range int16(3) {
			body = append(body, vm.Instruction{OpCode: vm.ST | vm.MEM | vm.DW, Dst: vm.R10, Off: -8*13 + 8*i})
		}
	}
	return body
}

// A 4-byte compare succeeds when the low half of r0 matches; the inputs above
// hardly ever match.
func TestCmpxchgThatSucceeds(t *testing.T) {
	for _, size := range []vm.OpCode{vm.W, vm.DW} {
		for src := range vm.R10 {
			for _, highBits := range []int64{0, 1 << 40} {
				bothAgree(t, observed(
					vm.Instruction{OpCode: vm.LDX | vm.MEM | size, Dst: vm.R0, Src: vm.R10, Off: -24},
					vm.Instruction{OpCode: vm.LDDW, Dst: vm.R2, Imm: highBits},
					vm.Instruction{OpCode: vm.ALU64 | vm.OR | vm.X, Dst: vm.R0, Src: vm.R2},
					vm.Instruction{OpCode: vm.STX | vm.ATOMIC | size, Dst: vm.R10, Src: src, Off: -24, Imm: vm.CMPXCHG},
				), inputs())
			}
		}
	}
}

// Every jump, on every pair of registers, and with immediates.
func TestJumpsOnEveryRegister(t *testing.T) {
	mems := inputs()
	for _, class := range []vm.OpCode{vm.JMP, vm.JMP32} {
		for _, op := range []vm.OpCode{vm.JEQ, vm.JGT, vm.JGE, vm.JSET, vm.JNE, vm.JSGT, vm.JSGE, vm.JLT, vm.JLE, vm.JSLT, vm.JSLE} {
			t.Run(vm.Instruction{OpCode: class | op | vm.X, Dst: 1, Src: 2, Off: 1}.String(), func(t *testing.T) {
				for dst := range vm.R10 {
					for src := range vm.R10 {
						bothAgree(t, observed(taken(vm.Instruction{OpCode: class | op | vm.X, Dst: dst, Src: src})...), mems)
					}
					for _, imm := range []int64{0, 1, -1, 0x7f, 0xff, 0x7fffffff, -0x80000000} {
						bothAgree(t, observed(taken(vm.Instruction{OpCode: class | op, Dst: dst, Imm: imm})...), mems)
					}
				}
			})
		}
	}
}

// taken leaves a mark in word 25 when the jump is not taken.
func taken(jump vm.Instruction) []vm.Instruction {
	jump.Off = 1
	return []vm.Instruction{jump, {OpCode: vm.ST | vm.MEM | vm.DW, Dst: vm.R10, Off: -8, Imm: 0x77}}
}
