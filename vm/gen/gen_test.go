package gen_test

import (
	"reflect"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/gen"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/interp"
)

const helperID = 5

var helpers = new(helper.Registry).Register(helperID, helper.Pure(func(a, _, _, _, _ uint64) uint64 { return a }))

var interpreter = gen.Engine{Name: "interpreter", Run: func(p *proof.Verified, mem []byte) (uint64, error) {
	m, err := interp.New(p.Program(), interp.Options{Helpers: helpers, Budget: 10_000_000})
	if err != nil {
		return 0, err
	}
	return m.Run(mem)
}}

// Programs are valid and run to their end, without a fault, on every version of
// the instruction set.
func TestProgramsRun(t *testing.T) {
	for cpu := 1; cpu <= 4; cpu++ {
		for seed := range uint64(500) {
			c := gen.Generate(seed, gen.Options{CPU: cpu, Helper: helperID})
			if err := c.Compare(interpreter); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestSameSeedSameCase(t *testing.T) {
	a, b := gen.Generate(42, gen.Options{}), gen.Generate(42, gen.Options{})
	if a.String() != b.String() || !reflect.DeepEqual(a.Input, b.Input) {
		t.Error("two cases of one seed differ")
	}
	if c := gen.Generate(43, gen.Options{}); c.String() == a.String() {
		t.Error("two seeds give one program")
	}
}

// Every opcode of the instruction set is reached, and so are calls, deep chains
// and large frames.
func TestCoverage(t *testing.T) {
	seen := map[vm.Instruction]bool{}
	depth, callx := 0, false
	for seed := range uint64(3000) {
		c := gen.Generate(seed, gen.Options{Helper: helperID})
		p, err := c.Program()
		if err != nil {
			t.Fatal(err)
		}
		depth = max(depth, p.Depth())
		callx = callx || p.Dynamic()
		for _, in := range p.Instructions() {
			seen[shape(in)] = true
		}
	}
	for _, in := range everyShape() {
		if !seen[in] {
			t.Errorf("never made: %v", in)
		}
	}
	if depth < vm.MaxDepth || !callx {
		t.Errorf("depth %d, callx %v", depth, callx)
	}
}

// shape keeps what tells one operation from another.
func shape(in vm.Instruction) vm.Instruction {
	s := vm.Instruction{OpCode: in.OpCode}
	op := in.OpCode.Op()
	switch {
	case in.OpCode.IsALU() && op == vm.END, in.OpCode.Class() == vm.STX && in.OpCode.Mode() == vm.ATOMIC:
		s.Imm = in.Imm
	case in.OpCode.IsALU():
		s.Off = in.Off
	case in.OpCode == vm.JMP|vm.CALL:
		s.Src = in.Src
	}
	return s
}

func everyShape() []vm.Instruction {
	var all []vm.Instruction
	add := func(op vm.OpCode, off int16, imm int64) {
		all = append(all, vm.Instruction{OpCode: op, Off: off, Imm: imm})
	}
	for _, class := range []vm.OpCode{vm.ALU, vm.ALU64} {
		for _, op := range []vm.OpCode{vm.ADD, vm.SUB, vm.MUL, vm.DIV, vm.OR, vm.AND, vm.LSH, vm.RSH, vm.MOD, vm.XOR, vm.MOV, vm.ARSH} {
			add(class|op|vm.K, 0, 0)
			add(class|op|vm.X, 0, 0)
		}
		for _, op := range []vm.OpCode{vm.DIV, vm.MOD} {
			add(class|op|vm.K, 1, 0)
			add(class|op|vm.X, 1, 0)
		}
		add(class|vm.NEG, 0, 0)
		add(class|vm.MOV|vm.X, 8, 0)
		add(class|vm.MOV|vm.X, 16, 0)
	}
	add(vm.ALU64|vm.MOV|vm.X, 32, 0)
	for _, op := range []vm.OpCode{vm.LE, vm.BE, vm.BSWAP} {
		for _, width := range []int64{16, 32, 64} {
			add(op, 0, width)
		}
	}
	for _, class := range []vm.OpCode{vm.JMP, vm.JMP32} {
		for _, op := range []vm.OpCode{vm.JEQ, vm.JGT, vm.JGE, vm.JSET, vm.JNE, vm.JSGT, vm.JSGE, vm.JLT, vm.JLE, vm.JSLT, vm.JSLE} {
			add(class|op|vm.K, 0, 0)
			add(class|op|vm.X, 0, 0)
		}
	}
	for _, op := range []vm.OpCode{vm.JMP | vm.JA, vm.JA32, vm.CALLX, vm.JMP | vm.EXIT, vm.LDDW} {
		add(op, 0, 0)
	}
	for _, size := range []vm.OpCode{vm.B, vm.H, vm.W, vm.DW} {
		add(vm.LDX|vm.MEM|size, 0, 0)
		add(vm.ST|vm.MEM|size, 0, 0)
		add(vm.STX|vm.MEM|size, 0, 0)
		add(vm.STX|vm.ATOMIC|size, 0, vm.LOAD_ACQ)
		add(vm.STX|vm.ATOMIC|size, 0, vm.STORE_REL)
		if size != vm.DW {
			add(vm.LDX|vm.MEMSX|size, 0, 0)
		}
	}
	for _, size := range []vm.OpCode{vm.W, vm.DW} {
		for _, op := range []int64{vm.AtomicADD, vm.AtomicOR, vm.AtomicAND, vm.AtomicXOR} {
			add(vm.STX|vm.ATOMIC|size, 0, op)
			add(vm.STX|vm.ATOMIC|size, 0, op|vm.FETCH)
		}
		add(vm.STX|vm.ATOMIC|size, 0, vm.XCHG)
		add(vm.STX|vm.ATOMIC|size, 0, vm.CMPXCHG)
	}
	return append(all, vm.Instruction{OpCode: vm.JMP | vm.CALL}, vm.Instruction{OpCode: vm.JMP | vm.CALL, Src: vm.PseudoCall})
}

// What the options leave out does not occur.
func TestOptions(t *testing.T) {
	for seed := range uint64(500) {
		if c := gen.Generate(seed, gen.Options{NoFetch: true}); c.HasFetch() {
			t.Fatalf("NoFetch\n%s", c)
		}
		p, err := gen.Generate(seed, gen.Options{Kernel: true, Helper: helperID}).Program()
		if err != nil {
			t.Fatal(err)
		}
		if p.Dynamic() || len(p.Helpers()) > 0 {
			t.Fatalf("Kernel: callx %v, helpers %v", p.Dynamic(), p.Helpers())
		}
		for cpu := 1; cpu <= 3; cpu++ {
			checkVersion(t, cpu, gen.Generate(seed, gen.Options{CPU: cpu}))
		}
	}
}

func checkVersion(t *testing.T, cpu int, c *gen.Case) {
	p, err := c.Program()
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range p.Instructions() {
		if v := version(in); v > cpu {
			t.Fatalf("version %d has %v, which is of version %d", cpu, in, v)
		}
	}
}

// version is the one that brought an instruction.
func version(in vm.Instruction) int {
	op := in.OpCode
	switch {
	case op == vm.JA32, op.Class() == vm.LDX && op.Mode() == vm.MEMSX, op == vm.BSWAP,
		op.IsALU() && in.Off != 0, op.Class() == vm.STX && op.Mode() == vm.ATOMIC && in.Imm >= vm.LOAD_ACQ:
		return 4
	case op.Class() == vm.JMP32, op.Class() == vm.STX && op.Mode() == vm.ATOMIC && in.Imm != vm.AtomicADD:
		return 3
	case op.Class() == vm.JMP && op.Op() >= vm.JLT:
		return 2
	}
	return 1
}
