package object

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/gen"
	"github.com/bpftime-go/bpftime/vm/interp"
)

// interesting are operands at which results change.
func interesting(r *rand.Rand) uint64 {
	v := []uint64{0, 1, 2, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 1 << 31, 1<<31 - 1, 1<<32 - 1, 1 << 32, 1 << 63, 1<<63 - 1, ^uint64(0), r.Uint64()}
	return v[r.IntN(len(v))]
}

func evaluate(t *testing.T, insns ...vm.Instruction) uint64 {
	t.Helper()
	prog, err := vm.Validate(insns, vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := interp.New(prog, interp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r0, err := m.Run(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r0
}

func constant(dst vm.Register, v uint64) vm.Instruction {
	return vm.Instruction{OpCode: vm.LDDW, Dst: dst, Imm: int64(v)}
}

var exit = vm.Instruction{OpCode: vm.JMP | vm.EXIT}

// What is computed here is what the interpreter computes.
func TestArithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ops := []vm.OpCode{vm.MOV, vm.ADD, vm.SUB, vm.AND, vm.OR, vm.XOR, vm.LSH, vm.RSH, vm.ARSH}
	for _, op := range ops {
		for range 400 {
			class := []vm.OpCode{vm.ALU, vm.ALU64}[r.IntN(2)]
			in := vm.Instruction{OpCode: class | op | vm.K, Dst: vm.R3, Imm: int64(int32(interesting(r)))}
			if r.IntN(2) == 0 {
				in = vm.Instruction{OpCode: class | op | vm.X, Dst: vm.R3, Src: vm.R4}
			}
			a, b := interesting(r), interesting(r)
			got := compute(in, value{kind: number, number: a}, value{kind: number, number: b})
			want := evaluate(t, constant(vm.R3, a), constant(vm.R4, b), in,
				vm.Instruction{OpCode: vm.ALU64 | vm.MOV | vm.X, Dst: vm.R0, Src: vm.R3}, exit)
			if got.kind != number || got.number != want {
				t.Errorf("%v with %#x, %#x: %+v, want %#x", in, a, b, got, want)
			}
		}
	}
}

// What is not computed is unknown.
func TestUnknown(t *testing.T) {
	known := value{kind: number, number: 5}
	for _, c := range []struct {
		in       string
		dst, src value
	}{
		{"r1 += r2", known, value{}}, {"r1 += r2", value{}, known}, {"w1 = w2", known, value{}}, {"r1 *= 3", known, known},
		{"r1 = -r1", known, known}, {"r1 = le16 r1", known, known}, {"r1 = (s8)r2", known, known}, {"r1 s/= r2", known, known},
		{"r1 += 1", value{kind: dataAddress}, known}, {"w1 = w2", known, value{kind: dataAddress}},
	} {
		in := vm.MustAssemble(c.in + "; exit")[0]
		if got := compute(in, c.dst, c.src); got != (value{}) {
			t.Errorf("%s: %+v, want unknown", c.in, got)
		}
	}
}

func TestDecide(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, op := range []vm.OpCode{vm.JEQ, vm.JNE, vm.JSET, vm.JGT, vm.JGE, vm.JLT, vm.JLE, vm.JSGT, vm.JSGE, vm.JSLT, vm.JSLE} {
		for range 400 {
			class := []vm.OpCode{vm.JMP, vm.JMP32}[r.IntN(2)]
			in := vm.Instruction{OpCode: class | op | vm.K, Dst: vm.R3, Imm: int64(int32(interesting(r))), Off: 2}
			if r.IntN(2) == 0 {
				in = vm.Instruction{OpCode: class | op | vm.X, Dst: vm.R3, Src: vm.R4, Off: 2}
			}
			a, b := interesting(r), interesting(r)
			s := state{vm.R3: {kind: number, number: a}, vm.R4: {kind: number, number: b}}
			taken, decided := decide(in, &s)
			want := evaluate(t, constant(vm.R3, a), constant(vm.R4, b), constant(vm.R0, 1), in, constant(vm.R0, 0), exit)
			if !decided || taken != (want == 1) {
				t.Errorf("%v with %#x, %#x: taken %v, decided %v; it is %d", in, a, b, taken, decided, want)
			}
		}
	}
}

// pruned removes from a program what constants decide, although nothing in it
// is bad. Every second load becomes a constant first, so that much is decided.
func pruned(t *testing.T, seed uint64) (before, after *vm.Program) {
	t.Helper()
	made, err := gen.Generate(seed, gen.Options{}).Program()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 5))
	l := linker{Object: &Object{}}
	for i, in := range made.Instructions() {
		if in.OpCode.Class() == vm.LDX && r.IntN(2) == 0 {
			in = vm.Instruction{OpCode: vm.ALU64 | vm.MOV | vm.K, Dst: in.Dst, Imm: int64(int32(interesting(r)))}
		}
		l.nodes = append(l.nodes, node{Instruction: in, target: made.Target(i)})
	}
	if before, err = vm.Validate(l.encode(), vm.Options{}); err != nil {
		t.Fatal(err)
	}
	bad := node{Instruction: exit, target: -1, bad: &refusal{"never reached", ""}}
	l.nodes = append(l.nodes, bad)
	if err := l.prune(); err != nil {
		t.Fatal(err)
	}
	if after, err = vm.Validate(l.encode(), vm.Options{}); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return before, after
}

// A pruned program computes what it did before.
func TestPruned(t *testing.T) {
	removed, compared := 0, 0
	for seed := range uint64(1500) {
		before, after := pruned(t, seed)
		r0, mem, err := runGenerated(t, before, seed)
		if errors.Is(err, interp.ErrBudget) {
			continue // a loop that counted in memory
		}
		compared++
		removed += before.Len() - after.Len()
		got, gotMem, gotErr := runGenerated(t, after, seed)
		if got != r0 || !bytes.Equal(gotMem, mem) || (gotErr == nil) != (err == nil) {
			t.Errorf("seed %d: r0 = %#x, %v; before %#x, %v", seed, got, gotErr, r0, err)
		}
	}
	if compared < 1000 || removed < 1000 {
		t.Errorf("only %d programs compared, %d instructions removed: this tests too little", compared, removed)
	}
}

func runGenerated(t *testing.T, p *vm.Program, seed uint64) (r0 uint64, mem []byte, err error) {
	t.Helper()
	m, err := interp.New(p, interp.Options{Budget: 20000})
	if err != nil {
		t.Fatal(err)
	}
	mem = bytes.Clone(gen.Generate(seed, gen.Options{}).Input)
	r0, err = m.Run(mem)
	return r0, mem, err
}
