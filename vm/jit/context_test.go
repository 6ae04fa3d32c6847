package jit_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/jit"
)

const cookie = 174 // bpf_get_attach_cookie, which takes the context here

func compileWithContext(t *testing.T, text string) (*jit.Code, error) {
	t.Helper()
	p, err := vm.Validate(vm.MustAssemble(text), vm.Options{Maps: 1})
	if err != nil {
		t.Fatal(err)
	}
	return jit.Compile(unverified.Program(p), jit.Options{Context: func(id int32) bool { return id == cookie }})
}

var (
	keepContext = []byte{0x49, 0x89, 0xfc} // mov %rdi,%r12
	giveContext = []byte{0x4d, 0x89, 0xe1} // mov %r12,%r9
)

func TestContextIsKeptAndGiven(t *testing.T) {
	for _, c := range []struct {
		name, text  string
		keeps, gave int
	}{
		{"a helper that takes it", "call 174; exit", 1, 1},
		{"twice", "r6 = r1; call 174; r1 = r6; call 174; exit", 1, 2},
		{"another helper", "call 5; exit", 0, 0},
		{"in a function that is called", "call f; exit; f: call 174; exit", 1, 1},
	} {
		code, err := compileWithContext(t, c.text)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if k, g := bytes.Count(code.Text, keepContext), bytes.Count(code.Text, giveContext); k != c.keeps || g != c.gave {
			t.Errorf("%s: kept %d times, given %d times, want %d and %d\n%x", c.name, k, g, c.keeps, c.gave, code.Text)
		}
	}
}

// TestContextAndTailCalls: both are in r12; a function that is called back has the
// context from whoever calls it.
func TestContextAndTailCalls(t *testing.T) {
	unpack := []byte{0x49, 0xc1, 0xe1, 0x10, 0x49, 0xc1, 0xe9, 0x10} // shl $16,%r9; shr $16,%r9
	takeContext := []byte{0x41, 0x54, 0x4d, 0x89, 0xcc}              // push %r12; mov %r9,%r12
	for _, c := range []struct {
		name, text      string
		unpacked, taken int
	}{
		{"tail call alone", "r2 = map[0]; r3 = 0; call 12; exit", 0, 0},
		{"both", "r6 = r1; r2 = map[0]; r3 = 0; call 12; r1 = r6; call 174; exit", 2, 0},
		{"called back", "r1 = subprog[f]; call 5; exit\nf: call 174; exit", 0, 1},
		{"called back, and a tail call", "r1 = subprog[f]; call 5; call 12; exit\nf: call 174; exit", 2, 1},
		{"called back without need", "r1 = subprog[f]; call 5; exit\nf: r0 = 0; exit", 0, 0},
	} {
		code, err := compileWithContext(t, c.text)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if u, n := bytes.Count(code.Text, unpack), bytes.Count(code.Text, takeContext); u != c.unpacked || n != c.taken {
			t.Errorf("%s: unpacked %d times, taken %d times, want %d and %d\n%x", c.name, u, n, c.unpacked, c.taken, code.Text)
		}
	}
}

func TestContextCannotBeGiven(t *testing.T) {
	_, err := compileWithContext(t, "main: r1 = subprog[main]; call 174; exit")
	if !errors.Is(err, jit.ErrUnsupported) || !strings.Contains(err.Error(), "keeps the context") {
		t.Errorf("%v; want it unsupported", err)
	}
}
