package vm_test

import (
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/internal/conformance"
)

// The disassembly is llvm-objdump's, and the assembler reads that, for what
// clang makes of C at -mcpu=v1 to v3 (and v4, where clang has it).
func TestLikeObjdump(t *testing.T) {
	for _, tool := range []string{"clang", "llvm-objdump"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("compares with the tools of LLVM: %v", err)
		}
	}
	for _, cpu := range []string{"v1", "v2", "v3", "v4"} {
		t.Run(cpu, func(t *testing.T) {
			object := filepath.Join(t.TempDir(), "object.o")
			source := filepath.Join(conformance.Root(t), "vm", "testdata", "objdump.c")
			args := []string{"-target", "bpf", "-O2", "-mcpu=" + cpu, "-c", source, "-o", object}
			if cpu >= "v3" {
				args = append(args, "-DFETCH")
			}
			if out, err := exec.Command("clang", args...).CombinedOutput(); err != nil {
				if cpu == "v4" {
					t.Skipf("this clang has no v4: %s", out)
				}
				t.Fatalf("%v: %s", err, out)
			}
			attributes := "--mattr=" // without alu32 it misreads the 32-bit atomics
			if cpu >= "v3" {
				attributes += "+alu32"
			}
			out, err := exec.Command("llvm-objdump", "-d", attributes, object).Output()
			if err != nil {
				t.Fatal(err)
			}
			compareListing(t, string(out))
		})
	}
}

// label is what llvm-objdump adds to a jump.
var label = regexp.MustCompile(` <[^ ]+>$`)

var listingLine = regexp.MustCompile(`^ +[0-9]+:\t([0-9a-f ]+)\t(.*)$`)

func compareListing(t *testing.T, listing string) {
	compared := 0
	for line := range strings.SplitSeq(listing, "\n") {
		m := listingLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		code, err := hex.DecodeString(strings.ReplaceAll(m[1], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		compareLine(t, code, m[2])
		compared++
	}
	if compared < 80 {
		t.Errorf("%d instructions compared, the listing is\n%s", compared, listing)
	}
}

func compareLine(t *testing.T, code []byte, theirs string) {
	insns, err := vm.Decode(code)
	if err != nil {
		t.Errorf("%x: %v", code, err)
		return
	}
	theirs = label.ReplaceAllString(theirs, "")
	if insns[0].IsLocalCall() {
		return // both kinds of call look the same in their listing
	}
	if ours := insns[0].String(); canonical(t, ours) != canonical(t, theirs) {
		t.Errorf("%x: we write %q, llvm-objdump %q", code, ours, theirs)
	}
	read, err := vm.Assemble(theirs)
	if err != nil || len(read) != 1 || read[0] != insns[0] {
		t.Errorf("%q reads as %v, %v, want %v", theirs, read, err, insns[0])
	}
}

var narrow = regexp.MustCompile(`\((u8|u16|u32) \*\)|32_32`)

var number = regexp.MustCompile(`\b(0x[0-9a-f]+|[0-9]{5,})\b`)

// canonical writes large numbers alike: some versions write a constant in
// decimal and some w registers as r in memory operations.
func canonical(t *testing.T, text string) string {
	text = number.ReplaceAllStringFunc(text, func(n string) string {
		insns, err := vm.Assemble("r0 = " + n + " ll")
		if err != nil {
			t.Fatal(err)
		}
		return insns[0].String()
	})
	if narrow.MatchString(text) {
		text = regexp.MustCompile(`\bw([0-9])`).ReplaceAllString(text, "r$1")
	}
	return text
}
