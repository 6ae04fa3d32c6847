package jit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"

	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/jit"
)

func compile(t testing.TB, text string, opts jit.Options) *jit.Code {
	t.Helper()
	code, err := jit.Compile(unverified.Program(validate(t, text)), opts)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func validate(t testing.TB, text string) *vm.Program {
	t.Helper()
	p, err := vm.Validate(vm.MustAssemble(text), vm.Options{Maps: 4})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// disassemble prints the code in AT&T syntax, one instruction a line.
func disassemble(t testing.TB, code *jit.Code) string {
	t.Helper()
	var b strings.Builder
	for at := 0; at < len(code.Text); {
		in, err := x86asm.Decode(code.Text[at:], 64)
		if err != nil || in.Op == 0 {
			t.Fatalf("% x: %v", code.Text[at:], err)
		}
		fmt.Fprintf(&b, "%3x %s\n", at, x86asm.GNUSyntax(in, uint64(at), nil))
		at += in.Len
	}
	return b.String()
}

// Golden pairs: testdata/code/NAME.txt holds a program, a line of dashes and
// its code.
func TestGoldenPairs(t *testing.T) {
	files, err := filepath.Glob("testdata/code/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden pairs (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			prog, want, _ := strings.Cut(string(text), "----\n")
			opts := jit.Options{
				Features: jit.Features{BMI2: strings.Contains(prog, "// bmi2")},
				Near:     func(id int32) bool { return strings.Contains(prog, "// near") },
				CallX:    []int32{1, 9},
			}
			if strings.Contains(prog, "// inline") {
				opts.Context, opts.Inline, opts.Array = takesContext, twoLoads, anArray
			}
			if got := disassemble(t, compile(t, prog, opts)); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// What golden pairs have inlined: helper 14, which takes the context, and lookups in map 1.
func takesContext(id int32) bool { return id == 14 }

func twoLoads(int32) *jit.Loads { return &jit.Loads{At: []int32{-16, 32}, Upper: true} }

func anArray(i int32) (jit.Array, bool) { return jit.Array{Entries: 7, Stride: 24, Data: 4096}, i == 1 }

func TestCompileWantsProof(t *testing.T) {
	if _, err := jit.Compile(nil, jit.Options{}); !errors.Is(err, jit.ErrNoProof) {
		t.Errorf("error %v, want ErrNoProof", err)
	}
}

func TestRelocations(t *testing.T) {
	code := compile(t, `
		r1 = map[2]
		r2 = map[1][0] + 0x28
		call 5
		call 7
		r3 = 0
		r2 = map[0]
		call 12
		r0 = 0
		exit`, jit.Options{Near: func(id int32) bool { return id == 7 }})
	want := []jit.Reloc{
		{Kind: jit.RelocAbs64, Target: jit.TargetMap, ID: 2},
		{Kind: jit.RelocAbs64, Target: jit.TargetMapValue, ID: 1, Addend: 0x28},
		{Kind: jit.RelocAbs64, Target: jit.TargetHelper, ID: 5},
		{Kind: jit.RelocRel32, Target: jit.TargetHelper, ID: 7, Addend: -4},
		{Kind: jit.RelocAbs64, Target: jit.TargetMap, ID: 0},
		{Kind: jit.RelocAbs64, Target: jit.TargetTailCall, ID: vm.TailCall},
	}
	if len(code.Relocs) != len(want) {
		t.Fatalf("%d relocations, want %d: %+v", len(code.Relocs), len(want), code.Relocs)
	}
	for i, got := range code.Relocs {
		before := code.Text[got.Offset-1] & 0xf8
		if got.Kind == jit.RelocAbs64 && before != 0xb8 || got.Kind == jit.RelocRel32 && before != 0xe8 {
			t.Errorf("relocation %d: no movabs or call before offset %d", i, got.Offset)
		}
		got.Offset = 0
		if got != want[i] {
			t.Errorf("relocation %d is %+v, want %+v", i, got, want[i])
		}
	}
}

func TestCodeSaysWhereThingsAre(t *testing.T) {
	code := compile(t, `
		r1 = 5
		call f
		r2 = map[0]
		call 12
		exit
	f:
		r0 = r1
		exit`, jit.Options{})
	if len(code.Offsets) != 8 || code.Offsets[7] != len(code.Text) {
		t.Fatalf("offsets %v, want one for each of 7 instructions and the end at %d", code.Offsets, len(code.Text))
	}
	for i, at := range code.Offsets[1:] {
		if at < code.Offsets[i] {
			t.Errorf("instruction %d lies at %#x, before the one before it", i+1, at)
		}
	}
	if len(code.Functions) != 2 || code.Functions[0] != code.TailEntry || code.TailEntry == code.Entry {
		t.Errorf("functions at %v, tail entry %d, entry %d", code.Functions, code.TailEntry, code.Entry)
	}
	if code.Functions[1] != code.Offsets[5] {
		t.Errorf("function 1 at %d, its first instruction at %d: it needs no prologue", code.Functions[1], code.Offsets[5])
	}
}

func TestStackIsWhatFramesAddUpTo(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"leaf", "r0 = 0; exit", 0},
		{"callee-saved", "r6 = 0; r7 = 0; r0 = 0; exit", 16},
		{"stack", "*(u64 *)(r10 - 8) = 0; r0 = 0; exit", 8 + 8},
		{"whole stack", "r1 = r10; r1 += r2; r0 = *(u8 *)(r1 + 0); exit", 8 + 512},
		{"helper", "call 1; exit", 8},
		// 8 for padding and 8 for the return address, below them the callee's.
		{"local call", "call f; exit\nf: *(u64 *)(r10 - 100) = 0; r0 = 0; exit", 8 + 8 + 8 + 104},
		{"the deeper of two", "call f; call g; exit\nf: r0 = 0; exit\ng: *(u64 *)(r10 - 24) = 0; r0 = 0; exit", 8 + 8 + 8 + 24},
		// r12, a return address, padding, and what a tail call pushes.
		{"tail call", "call 12; r0 = 0; exit", 8 + 8 + 8 + 16},
	} {
		if got := compile(t, c.text, jit.Options{}).Stack; got != c.want {
			t.Errorf("%s: %d bytes of stack, want %d", c.name, got, c.want)
		}
	}
}

func TestTailCallBelowACallback(t *testing.T) {
	for _, text := range []string{
		"r1 = subprog[f]; call 181; r0 = 0; exit\nf: call 12; r0 = 0; exit",
		"r1 = subprog[f]; call 181; r0 = 0; exit\nf: call g; exit\ng: call 12; r0 = 0; exit",
	} {
		_, err := jit.Compile(unverified.Program(validate(t, text)), jit.Options{})
		if !errors.Is(err, jit.ErrUnsupported) || !strings.Contains(err.Error(), "insn 5:") {
			t.Errorf("error %v, want ErrUnsupported at insn 5", err)
		}
	}
}
