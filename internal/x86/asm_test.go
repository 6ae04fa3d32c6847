package x86

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"testing"
)

func assemble(t *testing.T, a *Assembler) ([]byte, []Reference) {
	t.Helper()
	code, refs, err := a.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	return code, refs
}

func wantCode(t *testing.T, what string, code []byte, hex string) {
	t.Helper()
	if got := fmt.Sprintf("% x", code); got != hex {
		t.Errorf("%s: %s, want %s", what, got, hex)
	}
}

func TestAssembleJumpsAtTheEdgeOfRel8(t *testing.T) {
	for _, c := range []struct {
		name     string
		jump     func(Label) Instr
		backward bool
		gap      int
		hex      string // of the jump
	}{
		{"jmp forward 127", func(l Label) Instr { return Jmp(l) }, false, 127, "eb 7f"},
		{"jmp forward 128", func(l Label) Instr { return Jmp(l) }, false, 128, "e9 80 00 00 00"},
		{"jne forward 127", func(l Label) Instr { return Jcc(NE, l) }, false, 127, "75 7f"},
		{"jne forward 128", func(l Label) Instr { return Jcc(NE, l) }, false, 128, "0f 85 80 00 00 00"},
		{"jmp backward -128", func(l Label) Instr { return Jmp(l) }, true, 126, "eb 80"},
		{"jmp backward -129", func(l Label) Instr { return Jmp(l) }, true, 127, "e9 7c ff ff ff"},
		{"jle backward -128", func(l Label) Instr { return Jcc(LE, l) }, true, 126, "7e 80"},
		{"jle backward -129", func(l Label) Instr { return Jcc(LE, l) }, true, 127, "0f 8e 7b ff ff ff"},
		{"jmp to the next", func(l Label) Instr { return Jmp(l) }, false, 0, "eb 00"},
		{"jmp to itself", func(l Label) Instr { return Jmp(l) }, true, 0, "eb fe"},
	} {
		var a Assembler
		l := a.NewLabel()
		gap := make([]byte, c.gap)
		if c.backward {
			a.Bind(l)
			a.Data(gap...)
			a.Emit(c.jump(l))
		} else {
			a.Emit(c.jump(l))
			a.Data(gap...)
			a.Bind(l)
		}
		code, _ := assemble(t, &a)
		if c.backward {
			code = code[c.gap:]
		} else {
			code = code[:len(code)-c.gap]
		}
		wantCode(t, c.name, code, c.hex)
	}
}

func TestAssembleFieldsOfLabels(t *testing.T) {
	var a Assembler
	fn, data := a.NewLabel(), a.NewLabel()
	a.Emit(Call(fn), Lea(W64, RAX, PtrLabel(data, 0)), Cmp(W32, PtrLabel(data, 4), Imm(0x1000)), Jmp(fn))
	a.Bind(fn)
	a.Emit(Inc(W64, PtrLabel(data, -8)), Ret())
	a.Bind(data)
	a.Data(1, 2)
	code, refs := assemble(t, &a)
	wantCode(t, "labels", code,
		"e8 13 00 00 00 "+ // call fn
			"48 8d 05 14 00 00 00 "+ // lea data(%rip),%rax
			"81 3d 0e 00 00 00 00 10 00 00 "+ // cmpl $0x1000,data+4(%rip): counted from behind the immediate
			"eb 00 "+
			"48 ff 05 f9 ff ff ff c3 "+ // incq data-8(%rip)
			"01 02")
	if len(refs) != 0 {
		t.Errorf("references %v to nothing outside", refs)
	}
	if at, ok := a.Offset(fn); at != 24 || !ok {
		t.Errorf("fn is at %d (%v), want 24", at, ok)
	}
	if at, ok := a.Offset(data); at != 32 || !ok {
		t.Errorf("data is at %d (%v), want 32", at, ok)
	}
}

// Padding begins with the longest nops. Jumps are short where they are with what
// padding turns out to be, or at least with the most it could be.
func TestAssembleAlign(t *testing.T) {
	var a Assembler
	loop := a.NewLabel()
	a.Align(8)
	a.Emit(Ret())
	a.Align(16)
	a.Bind(loop)
	a.Emit(Jcc(NE, loop), Ret())
	a.Align(4)
	a.Emit(Ret())
	code, _ := assemble(t, &a)
	wantCode(t, "aligned", code, "c3 "+
		"66 0f 1f 84 00 00 00 00 00 66 0f 1f 44 00 00 "+
		"75 fe c3 90 c3")
	if at, ok := a.Offset(loop); at != 16 || !ok {
		t.Errorf("the loop is at %d (%v), want 16", at, ok)
	}
	checkJumps(t, &a, code)
}

func TestAssembleReferences(t *testing.T) {
	var a Assembler
	end := a.NewLabel()
	a.Emit(Jcc(E, end), Call(Symbol(1)), Jmp(Symbol(2)), Jcc(A, Symbol(3)))
	a.Emit(MovSymbol(R10, 4, 0x28), Lea(W64, RSI, PtrSymbol(5, 8)), Add(W64, PtrSymbol(6, 0), Imm(1)))
	a.Bind(end)
	code, refs := assemble(t, &a)
	want := []Reference{
		{3, RefRel32, 1, -4},
		{8, RefRel32, 2, -4},
		{14, RefRel32, 3, -4},
		{20, RefAbs64, 4, 0x28},
		{31, RefRel32, 5, 4},
		{38, RefRel32, 6, -5}, // an immediate byte follows the field
	}
	if len(refs) != len(want) {
		t.Fatalf("%d references, want %d: %v", len(refs), len(want), refs)
	}
	for i, ref := range refs {
		if ref != want[i] {
			t.Errorf("reference %d is %+v, want %+v", i, ref, want[i])
		}
	}
	wantCode(t, "before the fields", code[:20], "74 29 e8 00 00 00 00 e9 00 00 00 00 0f 87 00 00 00 00 49 ba")
}

func TestAssembleRefusesBadLabels(t *testing.T) {
	var other Assembler
	for range 3 {
		other.NewLabel()
	}
	for name, build := range map[string]func(a *Assembler){
		"used but not bound": func(a *Assembler) { a.Emit(Jmp(a.NewLabel())) },
		"bound twice":        func(a *Assembler) { l := a.NewLabel(); a.Bind(l); a.Bind(l) },
		"not of this":        func(a *Assembler) { a.Bind(7) },
		"L9 is used":         func(a *Assembler) { a.Emit(Call(Label(9))) },
		"L1 is used":         func(a *Assembler) { a.Emit(Lea(W64, RAX, PtrLabel(a.NewLabel(), 0))) },
		"L0 is used":         func(a *Assembler) { a.Emit(Jmp(Label(0))) },
	} {
		var a Assembler
		build(&a)
		if _, _, err := a.Assemble(); !errors.Is(err, ErrLabel) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestOffsetIsKnownAfterAssembleOnly(t *testing.T) {
	var a Assembler
	bound, unbound := a.NewLabel(), a.NewLabel()
	a.Bind(bound)
	a.Emit(Ret())
	if _, ok := a.Offset(bound); ok {
		t.Error("a label has a place before the code is laid out")
	}
	assemble(t, &a)
	if at, ok := a.Offset(bound); !ok || at != 0 {
		t.Errorf("the label is at %d (%v), want 0", at, ok)
	}
	if _, ok := a.Offset(unbound); ok {
		t.Error("a label that was never bound has a place")
	}
}

// Jumps over each other at random distances, many of them around 127, come out
// as GNU as lays them out.
func TestAssembleRelaxesLikeAs(t *testing.T) {
	needTool(t, "as")
	needTool(t, "objdump")
	for seed := range int64(6) {
		r := rand.New(rand.NewSource(seed))
		var a Assembler
		var source strings.Builder
		labels := make([]Label, 60)
		for i := range labels {
			labels[i] = a.NewLabel()
		}
		for i, l := range labels {
			a.Bind(l)
			fmt.Fprintf(&source, "L%d:\n", l)
			jump := Jmp(labels[near(r, i, len(labels))])
			if r.Intn(2) == 0 {
				jump = Jcc(Cond(r.Intn(16)), labels[near(r, i, len(labels))])
			}
			a.Emit(jump)
			n := r.Intn(60)
			a.Data([]byte(strings.Repeat("\x90", n))...)
			fmt.Fprintf(&source, "%s\n.fill %d, 1, 0x90\n", jump, n)
		}
		code, _ := assemble(t, &a)
		var want strings.Builder
		for _, line := range disassembly(t, assembleFile(t, t.TempDir(), source.String())) {
			want.WriteString(line.hex + " ")
		}
		wantCode(t, fmt.Sprintf("seed %d", seed), code, strings.TrimSpace(want.String()))
	}
}

// near is an index at most six away from i.
func near(r *rand.Rand, i, n int) int {
	return min(max(i+r.Intn(13)-6, 0), n-1)
}

// staggered builds n jumps of which each reaches in the short form only once
// the one before it is short.
func staggered(n int) *Assembler {
	var a Assembler
	labels := make([]Label, n+1)
	for i := range labels {
		labels[i] = a.NewLabel()
	}
	for i := range n {
		a.Emit(Jcc(E, labels[i]))
		a.Data(make([]byte, 125)...)
		if i > 0 {
			a.Bind(labels[i-1])
		}
	}
	a.Bind(labels[n-1])
	a.Bind(labels[n])
	return &a
}

// The rounds are bounded, and the layout is right whenever they end.
func TestAssembleStaggeredJumps(t *testing.T) {
	const n = 20000
	a := staggered(n)
	code, _ := assemble(t, a)
	checkJumps(t, a, code)
	short := 0
	for _, j := range a.jumps {
		if j.short {
			short++
		}
	}
	if short == 0 || short > n {
		t.Errorf("%d of %d jumps are short", short, n)
	}
}

// checkJumps reads every jump back and compares where it leads.
func checkJumps(t *testing.T, a *Assembler, code []byte) {
	t.Helper()
	for i, j := range a.jumps {
		at := j.at + a.grown[i]
		if j.align != 0 {
			if end := at + j.pad; end%j.align != 0 || j.pad >= j.align {
				t.Errorf("padding %d at %#x ends at %#x, which is no multiple of %d", i, at, end, j.align)
			}
			continue
		}
		to, want := jccTarget(code, at), 0
		if want, _ = a.Offset(j.label); to != want {
			t.Errorf("jump %d at %#x leads to %#x, want %#x", i, at, to, want)
		}
	}
}

// jccTarget reads a jcc at an offset.
func jccTarget(code []byte, at int) int {
	if code[at] == 0x0f {
		return at + 6 + int(int32(binary.LittleEndian.Uint32(code[at+2:])))
	}
	return at + 2 + int(int8(code[at+1]))
}

func FuzzAssembleJumps(f *testing.F) {
	f.Add([]byte{0, 1, 120, 2, 0, 7, 9, 200})
	f.Add([]byte{1, 130, 1, 124, 1, 122, 0, 0})
	f.Add([]byte{7, 100, 15, 101, 23, 102, 1, 90, 7, 33})
	f.Fuzz(func(t *testing.T, plan []byte) {
		if len(plan) < 2 || len(plan) > 4096 {
			return
		}
		var a Assembler
		labels := make([]Label, len(plan)/2)
		for i := range labels {
			labels[i] = a.NewLabel()
		}
		for i, l := range labels {
			if plan[2*i]%8 == 7 {
				a.Align(1 << (plan[2*i+1] % 7))
			}
			a.Bind(l)
			a.Emit(Jcc(NE, labels[int(plan[2*i])%len(labels)]))
			a.Data(make([]byte, plan[2*i+1])...)
		}
		code, _ := assemble(t, &a)
		checkJumps(t, &a, code)
	})
}
