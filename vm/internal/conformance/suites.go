package conformance

import (
	"math"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
)

// Suite is bpf_conformance with what ubpf and rbpf add.
func Suite(t testing.TB) []Case {
	type row struct {
		Name   string
		Code   hexBytes
		Mem    hexBytes
		Result hexWord
		Class  string
		Kernel *hexWord `json:"kernel_result"`
	}
	var cases []Case
	for i, r := range readLines[row](t, Shared(t, "conformance", "conformance.jsonl")) {
		c := Case{Name: caseName(r.Name, i+1), Progs: [][]byte{r.Code}, Mem: r.Mem, Want: uint64(r.Result), Mask: math.MaxUint64}
		if r.Kernel != nil {
			c.Want = uint64(*r.Kernel)
		}
		switch r.Class {
		case "load-error":
			c.Refused = "*"
		case "runtime-error":
			c.Fails = true
		}
		cases = append(cases, c)
	}
	return cases
}

// Negative is the encodings with an unused field that is not zero.
func Negative(t testing.TB) []Case {
	type row struct {
		Name string
		Code hexBytes
	}
	var cases []Case
	for i, r := range readLines[row](t, Shared(t, "conformance", "negative.jsonl")) {
		cases = append(cases, Case{Name: caseName(r.Name, i+1), Progs: [][]byte{r.Code}, Refused: "*"})
	}
	return cases
}

// TestBPF is the kernel's JIT tests, lib/test_bpf.c. Only the low 32 bits of
// the result count there.
func TestBPF(t testing.TB) []Case {
	type row struct {
		Name  string
		Code  hexBytes
		Tests []struct {
			Size   int
			Result hexWord
		}
	}
	var cases []Case
	for i, r := range readLines[row](t, Shared(t, "conformance", "test_bpf.jsonl")) {
		clearZext(r.Code)
		for _, test := range r.Tests {
			cases = append(cases, Case{
				Name: caseName(r.Name, i+1), Progs: [][]byte{r.Code},
				Mem: make([]byte, test.Size), Want: uint64(test.Result), Mask: math.MaxUint32,
			})
		}
	}
	return cases
}

// clearZext clears the mark that the kernel's verifier puts on a 32-bit move of
// a register to itself which it has added (BPF_ZEXT_REG, immediate 1). Some
// tests have it, programs cannot.
func clearZext(code []byte) {
	for slot := 0; slot+8 <= len(code); slot += 8 {
		if vm.OpCode(code[slot]) == vm.ALU|vm.MOV|vm.X && code[slot+4] == 1 {
			code[slot+4] = 0
		}
	}
}

// Verifier is those of the kernel's verifier tests that test an engine too.
func Verifier(t testing.TB) []Case {
	type row struct {
		Name   string
		Code   hexBytes
		Data   hexBytes
		Engine bool
		Retval any
		Line   int
	}
	var cases []Case
	for _, r := range readLines[row](t, Shared(t, "verifier", "cases.jsonl")) {
		if !r.Engine {
			continue
		}
		want, ok := r.Retval.(float64)
		if !ok {
			t.Fatalf("%s: retval %v is no number", r.Name, r.Retval)
		}
		cases = append(cases, Case{
			Name: caseName(r.Name, r.Line), Progs: [][]byte{r.Code},
			Mem: r.Data, Want: uint64(int64(want)), Mask: math.MaxUint32,
		})
	}
	return cases
}
