package x86

import (
	"bytes"
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
	for _, in := range ins {
		name := strings.TrimSuffix(filepath.Base(in), ".in.s")
		t.Run(name, func(t *testing.T) { golden(t, in, strings.TrimSuffix(in, ".in.s")+".out.s") })
	}
}

func golden(t *testing.T, in, out string) {
	code := link(t, in, goldenWindow)
	n, err := Window(code, 5)
	if err != nil {
		t.Fatal(err)
	}
	moved, err := Relocate(code[:n], goldenWindow)
	if err != nil {
		t.Fatal(err)
	}
	got := resolve(t, moved, goldenCopy)
	if want := link(t, out, goldenCopy); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
	if got, want := header(moved), readHeader(t, out); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// link assembles a file for an address and returns the bytes.
func link(t *testing.T, source string, addr uint64) []byte {
	t.Helper()
	dir := t.TempDir()
	object, image := filepath.Join(dir, "a.o"), filepath.Join(dir, "a.bin")
	run(t, "as", "-o", object, source)
	run(t, "ld", "--oformat=binary", "-e", "0", fmt.Sprintf("-Ttext=%#x", addr),
		fmt.Sprintf("--defsym=window=%#x", goldenWindow), fmt.Sprintf("--defsym=data=%#x", goldenData), "-o", image, object)
	b, err := os.ReadFile(image)
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
