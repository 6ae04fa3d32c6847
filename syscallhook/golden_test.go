package syscallhook

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpftime-go/bpftime/elfsym"
)

// prelude gives functions a symbol with a size, and unwind data.
const prelude = `	.text
	.macro fn name
	.globl	\name
	.type	\name, @function
\name:	.cfi_startproc
	.endm
	.macro end name
	.cfi_endproc
	.size	\name, . - \name
	.endm
`

// TestGolden: one file for each hazard. Its lines that begin with #= are its sites, in
// order, as a person wrote them: tactic, bytes from the function's start, number.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.s")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".s"), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wanted(string(source)), describe(find(t, link(t, prelude+string(source))))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func wanted(source string) (lines []string) {
	for line := range strings.Lines(source) {
		if want, ok := strings.CutPrefix(line, "#= "); ok {
			lines = append(lines, strings.TrimSpace(want))
		}
	}
	return lines
}

func describe(sites []Site) (lines []string) {
	for _, s := range sites {
		lines = append(lines, s.describe())
	}
	return lines
}

func (s Site) describe() string {
	line := s.Tactic.String()
	switch {
	case s.Func == elfsym.Func{}:
		line = "outside"
	case s.Tactic == Trap:
		return "trap: " + s.Why
	default:
		line += fmt.Sprintf(" %#x-%#x", s.Lo-s.Func.Lo, s.Hi-s.Func.Lo)
	}
	if s.Number.Known {
		line += fmt.Sprintf(" nr %d", s.Number.Value)
	}
	if s.Hole != 0 {
		line += fmt.Sprintf(" hole %#x-%#x", s.Hole-s.Func.Lo, s.Hole-s.Func.Lo+jumpLen)
	}
	return line
}

// link makes a shared object of assembly, without what compilers add.
func link(t testing.TB, source string) *elfsym.File {
	t.Helper()
	dir := t.TempDir()
	s, o, so := filepath.Join(dir, "a.s"), filepath.Join(dir, "a.o"), filepath.Join(dir, "a.so")
	if err := os.WriteFile(s, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"as", "-o", o, s}, {"ld", "-shared", "-o", so, o}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return open(t, so)
}

func find(t testing.TB, f *elfsym.File) []Site {
	t.Helper()
	sites, err := Find(f)
	if err != nil {
		t.Fatal(err)
	}
	return sites
}

func open(t testing.TB, path string) *elfsym.File {
	t.Helper()
	f, err := elfsym.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestManySites: what no compiler makes is refused before it takes all memory, and of a
// function that is too large only its sites are kept.
func TestManySites(t *testing.T) {
	if sites, err := Find(link(t, prelude+"fn f\n.rept 70000\nsyscall\n.endr\nret\nend f\n")); err == nil {
		t.Errorf("%d sites", len(sites))
	}
	sites := find(t, link(t, prelude+"fn f\nmov $39, %eax\nsyscall\n.fill 300000, 1, 0x90\nret\nend f\n"))
	if len(sites) != 1 || sites[0].describe() != "trap: the function is larger than 256 KiB" {
		t.Errorf("%+v", sites)
	}
}
