package vm

import (
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"time"
)

func mustValidate(t *testing.T, text string) *Program {
	t.Helper()
	p, err := Validate(MustAssemble(text), Options{Maps: 1})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const callGraph = `
	r1 = 0x1 ll
	call a
	r2 = subprog[c]
	callx r2
	exit
a:	call b
	call c
	call b
	exit
b:	r3 = 2
	r2 = map[0]
	call 12
	call 5
	exit
c:	r0 = 0
	exit
`

func TestProgram(t *testing.T) {
	p := mustValidate(t, callGraph)
	want := []Function{
		{Start: 0, End: 5, Calls: []int{1}, Depth: 3, CallX: true},
		{Start: 5, End: 9, Calls: []int{2, 3}, Depth: 2},
		{Start: 9, End: 14, Depth: 1, TailCall: true},
		{Start: 14, End: 16, Depth: 1, Referenced: true},
	}
	if got := p.Functions(); !reflect.DeepEqual(got, want) {
		t.Errorf("functions\n%+v, want\n%+v", got, want)
	}
	if p.Depth() != 3 || !p.Dynamic() || p.Maps() != 1 || !reflect.DeepEqual(p.Helpers(), []int32{5, 12}) {
		t.Errorf("depth %d, dynamic %v, maps %d, helpers %v", p.Depth(), p.Dynamic(), p.Maps(), p.Helpers())
	}
	if p.Len() != 16 || p.NumSlots() != 19 {
		t.Errorf("%d instructions in %d slots", p.Len(), p.NumSlots())
	}
}

func TestSlotsAndTargets(t *testing.T) {
	p := mustValidate(t, callGraph)
	for i, want := range []struct{ slot, target, function int }{
		{0, -1, 0}, {2, 5, 0}, {3, 14, 0}, {5, -1, 0}, {6, -1, 0}, {7, 9, 1},
	} {
		if p.Slot(i) != want.slot || p.Target(i) != want.target || p.FunctionOf(i) != want.function {
			t.Errorf("index %d: slot %d, target %d, function %d, want %+v", i, p.Slot(i), p.Target(i), p.FunctionOf(i), want)
		}
		if back, ok := p.Index(want.slot); !ok || back != i {
			t.Errorf("Index(%d) = %d, %v", want.slot, back, ok)
		}
	}
	for _, slot := range []int{-1, 1, 4, 19} {
		if i, ok := p.Index(slot); ok {
			t.Errorf("Index(%d) = %d, want none", slot, i)
		}
	}
}

func TestBytesAreTheInput(t *testing.T) {
	insns := MustAssemble(callGraph)
	code, err := Encode(insns)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Load(code, Options{Maps: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p.Bytes(), code) || !reflect.DeepEqual(p.Instructions(), insns) {
		t.Error("the program is not what was loaded")
	}
	insns[0].Imm = 77
	if p.Instructions()[0].Imm != 1 {
		t.Error("the program changes with the caller's slice")
	}
}

// What only a strict validation refuses.
func TestStrict(t *testing.T) {
	for text, want := range map[string]string{
		"r1 /= 0":      "insn 0: r1 /= 0: division by zero",
		"w1 s%= 0":     "insn 0: w1 s%= 0: division by zero",
		"r1 <<= 64":    "insn 0: r1 <<= 64: shift by 64 of a 64-bit value",
		"r1 s>>= -1":   "insn 0: r1 s>>= -1: shift by -1 of a 64-bit value",
		"w1 >>= 32":    "insn 0: w1 >>= 32: shift by 32 of a 32-bit value",
		"r1 <<= 63":    "",
		"w1 s>>= 31":   "",
		"r1 /= -1":     "",
		"r1 <<= r2":    "",
		"r1 = be16 r1": "",
	} {
		insns := MustAssemble(text + "; exit")
		if _, err := Validate(insns, Options{}); err != nil {
			t.Errorf("%s: refused though not strict: %v", text, err)
		}
		_, err := Validate(insns, Options{Strict: true})
		if got := errorText(err); got != want {
			t.Errorf("%s:\n got %q\nwant %q", text, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestOptionsHelper(t *testing.T) {
	insns := MustAssemble("call 5; call 999; exit")
	if _, err := Validate(insns, Options{}); err != nil {
		t.Errorf("refused without being asked: %v", err)
	}
	_, err := Validate(insns, Options{Helper: func(id int32) bool { return id < 100 }})
	if want := "insn 1: call 999: helper 999 is not known here"; errorText(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct {
		code []byte
		want string
	}{
		{make([]byte, 9), "insn 1: 9 bytes are not a whole number of 8-byte slots"},
		{[]byte{0x18, 1, 0, 0, 5, 0, 0, 0}, "insn 0: r1 = 0x5 ll: incomplete LDDW: the program ends before its second slot"},
		{append([]byte{0x18, 0, 0, 0, 0, 0, 0, 0}, 0, 1, 0, 0, 0, 0, 0, 0), "insn 1: r0 = 0x0 ll: second slot of LDDW: opcode, registers and offset must be zero"},
		{append([]byte{0x18, 0, 0, 0, 0, 0, 0, 0}, 0, 0, 1, 0, 0, 0, 0, 0), "insn 1: r0 = 0x0 ll: second slot of LDDW: opcode, registers and offset must be zero"},
		{nil, "insn 0: empty program"},
	} {
		if _, err := Load(c.code, Options{}); errorText(err) != c.want {
			t.Errorf("%x:\n got %v\nwant %s", c.code, err, c.want)
		}
	}
}

// A chain of calls as long as a program can be neither recurses here nor takes
// quadratic time: it is refused for its depth.
func TestDeepCallGraph(t *testing.T) {
	var insns []Instruction
	for range MaxSlots/2 - 1 {
		insns = append(insns, Instruction{OpCode: JMP | CALL, Src: PseudoCall, Imm: 1}, Instruction{OpCode: JMP | EXIT})
	}
	insns = append(insns, Instruction{OpCode: ALU64 | MOV}, Instruction{OpCode: JMP | EXIT})
	start := time.Now()
	_, err := Validate(insns, Options{})
	if err == nil || !strings.Contains(err.Error(), "frames is too deep") {
		t.Errorf("%v", err)
	}
	t.Logf("%d slots in %v", len(insns), time.Since(start))
}

func TestTooManySlots(t *testing.T) {
	_, err := Validate(make([]Instruction, MaxSlots+1), Options{})
	if err == nil || !strings.Contains(err.Error(), "program of 1000001 slots is larger than 1000000") {
		t.Errorf("%v", err)
	}
}

// FuzzLoad: no bytes make Load panic or hang, and what it accepts encodes to
// the same bytes, disassembles to a text that assembles to the same, and has
// targets inside of itself.
func FuzzLoad(f *testing.F) {
	for _, g := range golden {
		insns, err := Assemble(g.text + "\nexit")
		if err != nil {
			f.Fatal(err)
		}
		if code, err := Encode(insns); err == nil {
			f.Add(code)
		}
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		p, err := Load(code, Options{Maps: 1})
		if err != nil {
			_ = err.Error()
			return
		}
		if !reflect.DeepEqual(p.Bytes(), code) {
			t.Errorf("bytes %x, loaded from %x", p.Bytes(), code)
		}
		for i, in := range p.Instructions() {
			if again, err := Assemble(in.String()); err != nil || again[0] != in {
				t.Errorf("%s reads as %v, %v", in, again, err)
			}
			if _, has := in.Distance(); has != (p.Target(i) >= 0) || p.Target(i) >= p.Len() {
				t.Errorf("insn %d: %s: target %d of %d", i, in, p.Target(i), p.Len())
			}
		}
	})
}

// Random changes of a valid program are judged, never fatal.
func TestLoadMutations(t *testing.T) {
	code, err := Encode(MustAssemble(callGraph))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewSource(7))
	accepted := 0
	for range 20000 {
		mutant := append([]byte(nil), code...)
		for range 1 + r.Intn(3) {
			mutant[r.Intn(len(mutant))] = byte(r.Intn(256))
		}
		if _, err := Load(mutant, Options{Maps: 1}); err == nil {
			accepted++
		}
	}
	if accepted == 0 || accepted == 20000 {
		t.Errorf("%d of 20000 mutants accepted", accepted)
	}
}

// FuzzAssemble: no text makes Assemble panic, and what it reads it reads again
// from its own disassembly.
func FuzzAssemble(f *testing.F) {
	for _, g := range golden {
		f.Add(g.text)
	}
	f.Add(callGraph)
	f.Fuzz(func(t *testing.T, text string) {
		insns, err := Assemble(text)
		if err != nil {
			_ = err.Error()
			return
		}
		for _, in := range insns {
			again, err := Assemble(in.String())
			if err != nil || len(again) != 1 || again[0] != in {
				t.Errorf("%s reads as %v, %v", in, again, err)
			}
		}
	})
}
