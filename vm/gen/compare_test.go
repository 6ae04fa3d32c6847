package gen_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/gen"
	"github.com/bpftime-go/bpftime/vm/internal/conformance"
	"github.com/bpftime-go/bpftime/vm/interp"
)

// broken is an interpreter that takes one opcode for another.
func broken(wrong, instead vm.OpCode) gen.Engine {
	return gen.Engine{Name: "broken", Run: func(p *proof.Verified, mem []byte) (uint64, error) {
		insns := append([]vm.Instruction(nil), p.Program().Instructions()...)
		for i, in := range insns {
			if in.OpCode == wrong {
				insns[i].OpCode = instead
			}
		}
		q, err := vm.Validate(insns, vm.Options{})
		if err != nil {
			return 0, err
		}
		m, err := interp.New(q, interp.Options{Helpers: helpers, Budget: 10_000_000})
		if err != nil {
			return 0, err
		}
		return m.Run(mem)
	}}
}

// An engine that is wrong is found, named by vote, and its case comes down to
// little more than the operation that it is wrong about.
func TestCompareFindsAndReduces(t *testing.T) {
	for _, c := range []struct {
		name           string
		wrong, instead vm.OpCode
	}{
		{"multiply", vm.ALU64 | vm.MUL | vm.X, vm.ALU64 | vm.SUB | vm.X},
		{"shift", vm.ALU | vm.ARSH | vm.X, vm.ALU | vm.RSH | vm.X},
		{"jump", vm.JMP | vm.JSGT | vm.X, vm.JMP | vm.JGT | vm.X},
		{"jump32", vm.JMP32 | vm.JLE | vm.K, vm.JMP32 | vm.JLT | vm.K},
		{"load", vm.LDX | vm.MEMSX | vm.B, vm.LDX | vm.MEM | vm.B},
		{"swap", vm.BE, vm.LE},
	} {
		t.Run(c.name, func(t *testing.T) {
			engines := []gen.Engine{broken(c.wrong, c.instead), interpreter, {Name: "witness", Run: interpreter.Run}}
			found := 0
			for seed := uint64(0); seed < 2000 && found < 3; seed++ {
				if reduceOne(t, gen.Generate(seed, gen.Options{}), engines, c.wrong) {
					found++
				}
			}
			if found < 3 {
				t.Errorf("found in %d of 2000 programs", found)
			}
		})
	}
}

// reduceOne reports whether the engines disagree on c; if so, it reduces it.
func reduceOne(t *testing.T, c *gen.Case, engines []gen.Engine, wrong vm.OpCode) bool {
	err := c.Compare(engines...)
	if err == nil {
		return false
	}
	var d *gen.Disagreement
	if !errors.As(err, &d) || !reflect.DeepEqual(d.Outliers(), []string{"broken"}) {
		t.Fatal(err)
	}
	before := c.String()
	fails := func(c *gen.Case) bool { return c.Compare(engines...) != nil }
	small := c.Reduce(fails)
	if c.String() != before {
		t.Error("the case itself has changed")
	}
	if !fails(small) {
		t.Errorf("the reduced case does not fail\n%s", small)
	}
	if n := small.Statements(); n > 8 {
		t.Errorf("%d statements of %d are left\n%s", n, c.Statements(), small)
	}
	if !contains(t, small, wrong) {
		t.Errorf("the operation is gone\n%s", small)
	}
	return true
}

func contains(t *testing.T, c *gen.Case, op vm.OpCode) bool {
	p, err := c.Program()
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range p.Instructions() {
		if in.OpCode == op {
			return true
		}
	}
	return false
}

// The error shows who differs in what.
func TestDisagreementError(t *testing.T) {
	wrong := func(p *proof.Verified, mem []byte) (uint64, error) {
		r0, err := interpreter.Run(p, mem)
		mem[2] ^= 0xff                      // the memory's first word
		mem[gen.ResultOffset+3*8+7] ^= 0xff // r3
		mem[len(mem)-1] ^= 0xff             // the last word of the stack
		return r0 + 1, err
	}
	failing := func(*proof.Verified, []byte) (uint64, error) { return 0, errors.New("no such instruction") }
	err := gen.Generate(5, gen.Options{}).Compare(interpreter, gen.Engine{Name: "wrong", Run: wrong},
		gen.Engine{Name: "failing", Run: failing}, gen.Engine{Name: "witness", Run: interpreter.Run})
	if err == nil {
		t.Fatal("no disagreement")
	}
	for _, want := range []string{
		"seed 5: engines disagree, by vote wrong: [wrong failing]",
		"interpreter: r0 = 0x", "wrong: r0 = 0x", "failing: r0 = 0x0, no such instruction",
		"memory+0 ", "r3 ", "r10-112 ", "=== seed_5", "*(u64 *)(r10 - 8) = r1",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%s", want, err)
		}
	}
}

// What the error ends with is a case for vm/testdata/isa, which the engine that
// is right passes and the other does not.
func TestDisagreementIsACase(t *testing.T) {
	wrong := gen.Engine{Name: "wrong", Run: func(p *proof.Verified, mem []byte) (uint64, error) {
		r0, err := interpreter.Run(p, mem)
		mem[2] ^= 0xff
		return r0, err
	}}
	disagreement := gen.Generate(7, gen.Options{Helper: helperID}).Compare(interpreter, wrong)
	if disagreement == nil {
		t.Fatal("no disagreement")
	}
	cases, err := conformance.Parse("found", disagreement.Error())
	if err != nil || len(cases) != 1 {
		t.Fatalf("%d cases, %v in\n%v", len(cases), err, disagreement)
	}
	run := func(e gen.Engine) error {
		return cases[0].Check(conformance.EngineFunc(func(progs []*proof.Verified, mem []byte) (uint64, error) {
			return e.Run(progs[0], mem)
		}))
	}
	if err := run(interpreter); err != nil {
		t.Errorf("the engine that is right: %v", err)
	}
	if err := run(wrong); err == nil {
		t.Error("the engine that is wrong passes")
	}
}
