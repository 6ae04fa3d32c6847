package jit_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/gen"
	"github.com/bpftime-go/bpftime/vm/internal/conformance"
	"github.com/bpftime-go/bpftime/vm/jit"
)

// allowed are the mnemonics that code may contain, as objdump prints them with
// operand sizes left out: general registers only, no popf, nothing privileged,
// no system call.
const allowed = `add sub and or xor neg imul div idiv cltd cqto
	mov movabs movzbl movzwl movsbl movsbq movswl movswq movslq lea
	shl shr sar rol rorx bswap shlx shrx sarx
	cmova cmovae cmovb cmovbe cmove cmovne cmovg cmovge cmovl cmovle nop nopw nopl
	cmp test ja jae jb jbe je jne jg jge jl jle jmp call ret leave push pop dec
	lock xadd xchg cmpxchg ud2 movb movw movl movq`

func TestOnlyAllowedInstructions(t *testing.T) {
	if _, err := exec.LookPath("objdump"); err != nil {
		t.Skipf("needs objdump: %v", err)
	}
	ok := map[string]bool{}
	for _, name := range strings.Fields(allowed) {
		ok[name] = true
	}
	var text []byte
	for _, v := range everyProgram(t) {
		for _, f := range []jit.Features{{}, {BMI2: true}} {
			code, err := jit.Compile(v, jit.Options{Features: f, CallX: []int32{1, 5}})
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, code.Text...)
		}
	}
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("objdump", "-D", "-w", "-b", "binary", "-m", "i386:x86-64", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	count, bad := 0, map[string]string{}
	for line := range strings.Lines(string(out)) {
		cols := strings.Split(line, "\t")
		if len(cols) < 3 {
			continue
		}
		count++
		for _, word := range mnemonics(cols[2]) {
			if !ok[word] {
				bad[word] = strings.TrimSpace(line)
			}
		}
	}
	for word, line := range bad {
		t.Errorf("%s is not allowed: %s", word, line)
	}
	if count < 100_000 {
		t.Errorf("objdump shows %d instructions only", count)
	}
}

// mnemonics are an instruction's own and its prefix, without the size suffix
// that objdump adds where no register tells the size.
func mnemonics(text string) []string {
	fields := strings.Fields(text)
	if len(fields) > 1 && fields[0] == "lock" {
		return []string{"lock", bare(fields[1])}
	}
	return []string{bare(fields[0])}
}

func bare(name string) string {
	for _, whole := range strings.Fields(allowed) {
		if name == whole {
			return name
		}
		if len(name) == len(whole)+1 && strings.HasPrefix(name, whole) && strings.ContainsAny(name[len(whole):], "bwlq") {
			return whole
		}
	}
	return name
}

// everyProgram is those of our cases and a thousand random ones.
func everyProgram(t *testing.T) []*proof.Verified {
	var all []*proof.Verified
	for _, c := range conformance.Cases(t) {
		for _, code := range c.Progs {
			if v, err := unverified.Load(code, vm.Options{Maps: 1}); err == nil {
				all = append(all, v)
			}
		}
	}
	for seed := range uint64(1000) {
		p, err := gen.Generate(seed, gen.Options{Helper: 5}).Program()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, unverified.Program(p))
	}
	return all
}
