package x86

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Where the golden pairs are assembled: the window, its copy, and the symbol
// data. All within reach of each other.
const (
	goldenWindow = 0x401000
	goldenCopy   = 0x703000
	goldenData   = 0x602468
)

// TestRelocateGolden moves the first instructions of NAME.in.s that cover five
// bytes, and compares with NAME.out.s, which a person wrote. Its first two
// lines give the Index (old:new …) and whether the copy falls through.
func TestRelocateGolden(t *testing.T) {
	ins, err := filepath.Glob("testdata/relocate/*.in.s")
	if err != nil || len(ins) < 40 {
		t.Fatalf("%d golden pairs, %v", len(ins), err)
	}
	image := linkGoldens(t, ins)
	for _, in := range ins {
		name := strings.TrimSuffix(filepath.Base(in), ".in.s")
		t.Run(name, func(t *testing.T) {
			golden(t, sectionData(t, image, ".in."+name), sectionData(t, image, ".out."+name), outFile(in))
		})
	}
}

func outFile(in string) string { return strings.TrimSuffix(in, ".in.s") + ".out.s" }

func golden(t *testing.T, in, want []byte, outFile string) {
	n, err := Window(in, 5)
	if err != nil {
		t.Fatal(err)
	}
	moved, err := Relocate(in[:n], goldenWindow)
	if err != nil {
		t.Fatal(err)
	}
	if got := resolve(t, moved, goldenCopy); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
	if got, want := header(moved), readHeader(t, outFile); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// linkGoldens assembles every pair into sections of one file. All windows have
// the same address, and so have all copies.
func linkGoldens(t *testing.T, ins []string) *elf.File {
	t.Helper()
	dir := t.TempDir()
	source, object, image := filepath.Join(dir, "a.s"), filepath.Join(dir, "a.o"), filepath.Join(dir, "a")
	args := []string{"--no-check-sections", "-e", "0", "-o", image, object,
		fmt.Sprintf("--defsym=window=%#x", goldenWindow), fmt.Sprintf("--defsym=data=%#x", goldenData)}
	var text strings.Builder
	for _, in := range ins {
		name := strings.TrimSuffix(filepath.Base(in), ".in.s")
		fmt.Fprintf(&text, ".section .in.%s,\"ax\"\n.include %q\n.section .out.%s,\"ax\"\n.include %q\n", name, in, name, outFile(in))
		args = append(args, fmt.Sprintf("--section-start=.in.%s=%#x", name, goldenWindow),
			fmt.Sprintf("--section-start=.out.%s=%#x", name, goldenCopy))
	}
	if err := os.WriteFile(source, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "as", "-o", object, source)
	run(t, "ld", args...)
	f, err := elf.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func sectionData(t *testing.T, f *elf.File, name string) []byte {
	t.Helper()
	s := f.Section(name)
	if s == nil {
		t.Fatalf("no section %s", name)
	}
	b, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// resolve applies the fixups for a module loaded at bias 0, as an applier
// does. A field that is not zero before is a mistake.
func resolve(t *testing.T, m Relocated, at uint64) []byte {
	t.Helper()
	b := bytes.Clone(m.Code)
	for _, f := range m.Fixups {
		switch f.Kind {
		case FixRel32:
			distance := f.Target - (at + uint64(f.At+4+f.Tail))
			putField(t, b[f.At:f.At+4], distance)
		case FixAbs64:
			putField(t, b[f.At:f.At+8], f.Target)
		default:
			t.Fatalf("fixup %+v", f)
		}
	}
	return b
}

func putField(t *testing.T, field []byte, v uint64) {
	t.Helper()
	if !bytes.Equal(field, make([]byte, len(field))) {
		t.Errorf("the field of a fixup holds %x", field)
	}
	if len(field) == 8 {
		binary.LittleEndian.PutUint64(field, v)
		return
	}
	binary.LittleEndian.PutUint32(field, uint32(v))
}

func header(m Relocated) string {
	s := "# index"
	for _, i := range m.Index {
		s += fmt.Sprintf(" %d:%d", i.Old, i.New)
	}
	if m.FallsThrough {
		return s + "\n# falls through"
	}
	return s + "\n# ends"
}

func readHeader(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(b), "\n", 3)
	if len(lines) < 3 {
		t.Fatalf("%s has no header", file)
	}
	return lines[0] + "\n" + lines[1]
}
