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

func TestContextCannotBeGiven(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"r1 = subprog[+3]; call 5; exit; call 174; exit", "a function whose address is taken"},
		{"r6 = r1; r2 = map[0]; r3 = 0; call 12; r1 = r6; call 174; exit", "tail calls"},
	} {
		_, err := compileWithContext(t, c.text)
		if !errors.Is(err, jit.ErrUnsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want it unsupported because of %s", c.text, err, c.want)
		}
	}
}
