package x86

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestEncodeRows(t *testing.T) {
	for _, row := range encodeRows {
		if got := row.in.String(); got != row.text {
			t.Errorf("prints as %q, want %q", got, row.text)
		}
		var a Assembler
		a.Emit(row.in)
		code, refs, err := a.Assemble()
		if err != nil || len(refs) != 0 {
			t.Errorf("%s: references %v, error %v", row.text, refs, err)
		}
		if got := fmt.Sprintf("% x", code); got != row.hex {
			t.Errorf("%s: % x, want %s", row.text, code, row.hex)
		}
	}
}

// Every form of every mnemonic is met by a row, so that none goes unproven.
// ADD's rows stand for the operations one function makes with it, ROL's and
// SHL's for the shifts; branches to labels are in asm_test.go.
func TestEncodeRowsReachEveryForm(t *testing.T) {
	met := map[*form]bool{}
	for _, row := range encodeRows {
		f, err := row.in.form()
		if err != nil {
			t.Fatal(err)
		}
		met[f] = true
	}
	for op := opAdd; op < numMnemonics; op++ {
		if op > opAdd && op <= opCmp || op > opRol && op <= opSar || op == opNop {
			continue
		}
		for i := range forms[op] {
			if f := &forms[op][i]; !met[f] && f.args[0] != roleJz {
				t.Errorf("%s: no row for form %d", names[op], i)
			}
		}
	}
}

func TestEncodeRowsAgainstBinutils(t *testing.T) {
	needTool(t, "as")
	needTool(t, "objdump")
	dir := t.TempDir()
	var source strings.Builder
	for i, row := range encodeRows {
		fmt.Fprintf(&source, ".globl i%d\ni%d: %s\n", i, i, row.text)
	}
	object := assembleFile(t, dir, source.String())
	lines := disassembly(t, object)
	if len(lines) != len(encodeRows) {
		t.Fatalf("objdump shows %d instructions, the table has %d", len(lines), len(encodeRows))
	}
	for i, row := range encodeRows {
		if lines[i].hex != row.hex {
			t.Errorf("as makes %s of %q, the table says %s", lines[i].hex, row.text, row.hex)
		}
		if lines[i].text != row.text {
			t.Errorf("objdump prints %s as %q, the table says %q", row.hex, lines[i].text, row.text)
		}
	}
}

func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("binutils are not installed: %v", err)
	}
}

func assembleFile(t *testing.T, dir, source string) string {
	t.Helper()
	in, out := filepath.Join(dir, "a.s"), filepath.Join(dir, "a.o")
	if err := os.WriteFile(in, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command("as", "-o", out, in).CombinedOutput(); err != nil {
		t.Fatalf("as: %v\n%s", err, msg)
	}
	return out
}

type disassembled struct{ hex, text string }

// disassembly is what objdump shows, with one space after the mnemonic and no
// comments.
func disassembly(t *testing.T, object string) []disassembled {
	t.Helper()
	out, err := exec.Command("objdump", "-d", "-w", "-M", "suffix", object).Output()
	if err != nil {
		t.Fatal(err)
	}
	var lines []disassembled
	for _, line := range strings.Split(string(out), "\n") {
		cols := strings.Split(line, "\t")
		if len(cols) < 3 {
			continue
		}
		text, _, _ := strings.Cut(cols[2], " #")
		text, _, _ = strings.Cut(text, " <")
		lines = append(lines, disassembled{strings.TrimSpace(cols[1]), strings.Join(strings.Fields(text), " ")})
	}
	return lines
}

func TestEncodeNops(t *testing.T) {
	needTool(t, "objdump")
	dir := t.TempDir()
	var source strings.Builder
	for n := 1; n < len(nops); n++ {
		var a Assembler
		a.Emit(Nop(n))
		code, _, err := a.Assemble()
		if err != nil || len(code) != n {
			t.Fatalf("Nop(%d) has %d bytes, error %v", n, len(code), err)
		}
		for _, b := range code {
			fmt.Fprintf(&source, ".byte %#x\n", b)
		}
	}
	lines := disassembly(t, assembleFile(t, dir, source.String()))
	for i, line := range lines {
		n := len(strings.Fields(line.hex))
		if n != i+1 || !strings.HasPrefix(line.text, "nop") && !strings.HasPrefix(line.text, "xchgw %ax,%ax") {
			t.Errorf("nop of %d bytes: objdump shows %q", i+1, line)
		}
	}
	if len(lines) != len(nops)-1 {
		t.Errorf("%d nops are %d instructions", len(nops)-1, len(lines))
	}
}

func TestEncodeRefusesWhatDoesNotExist(t *testing.T) {
	for _, c := range []struct {
		in  Instr
		why string
	}{
		{Instr{}, "unknown operation"},
		{Mov(W64, Ptr(RAX, 0), Ptr(RBX, 0)), "do not go together"},
		{Mov(W64, Ptr(RAX, 0), Imm(1<<31)), "too wide"},
		{Add(W64, RAX, Imm(0xffffffff)), "too wide"},
		{Add(W8, RAX, Imm(256)), "too wide"},
		{Add(W16, RAX, Imm(-0x8001)), "too wide"},
		{Mov(W32, RAX, Imm(1<<32)), "too wide"},
		{Shl(W64, RAX, RDX), "do not go together"},
		{Shl(W64, RAX, Imm(256)), "too wide"},
		{MovSX(W32, RAX, W32, RCX), "do not go together"},
		{MovZX(W64, RAX, W32, RCX), "do not go together"},
		{Shlx(W16, RAX, RCX, RDX), "do not go together"},
		{Bswap(W16, RAX), "do not go together"},
		{MovBE(W32, RAX, RCX), "do not go together"},
		{Lea(W64, RAX, PtrIndex(RAX, RSP, 1, 0)), "no index register"},
		{Lea(W64, RAX, PtrIndex(RAX, RIP, 1, 0)), "no index register"},
		{Lea(W64, RAX, PtrIndex(RAX, RCX, 3, 0)), "scale"},
		{Lea(W64, RAX, PtrIndex(RIP, RCX, 1, 0)), "rip takes no index"},
		{Lea(W64, RAX, Mem{Base: RAX, Symbol: 1}), "through rip"},
		{Mov(W64, RIP, RAX), "do not go together"},
		{Mov(W64, RAX, NoReg), "do not go together"},
		{Load(RAX, Ptr(17, 0), W64), "unknown register"},
		{Lock(Add(W64, RAX, RCX)), "lock"},
		{Lock(Add(W64, RAX, Ptr(RCX, 0))), "lock"},
		{Lock(Mov(W64, Ptr(RCX, 0), RAX)), "lock"},
		{Mov(3, RAX, RCX), "do not go together"},
		{Mov(0, RAX, RCX), "do not go together"},
		{Nop(0), "1 to 9"},
		{Nop(10), "1 to 9"},
		{Jcc(E, RAX), "do not go together"},
		{Cmpxchg(W64, Ptr(RAX, 0), RIP), "do not go together"},
	} {
		var a Assembler
		a.Emit(c.in)
		_, _, err := a.Assemble()
		if !errors.Is(err, ErrEncode) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: error %v, want %q", c.in, err, c.why)
		}
	}
}

func TestCondNot(t *testing.T) {
	for _, c := range [][2]Cond{{O, NO}, {B, AE}, {E, NE}, {BE, A}, {S, NS}, {P, NP}, {L, GE}, {LE, G}} {
		if c[0].Not() != c[1] || c[1].Not() != c[0] {
			t.Errorf("the opposite of %s is %s, of %s it is %s", c[0], c[0].Not(), c[1], c[1].Not())
		}
	}
}
