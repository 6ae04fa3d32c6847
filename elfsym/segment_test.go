package elfsym

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/procmaps"
)

// marked has a function whose bytes are known, and prints where it is and what
// is mapped.
const marked = `
#include <stdio.h>
#include <stdlib.h>
__asm__(".text; .globl marked; .type marked,@function\n"
        "marked: mov $0x12345678,%eax; ret\n"
        ".size marked, .-marked\n");
int marked(void);
int main(void) {
	char line[4096];
	FILE *f = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, f)) fputs(line, stdout);
	printf("marked=%p qsort=%p\n", (void *)marked, (void *)qsort);
	return 0;
}
`

var markedBytes = []byte{0xb8, 0x78, 0x56, 0x34, 0x12, 0xc3}

// layouts are link options that lay the segments out in different ways; in the
// last ones the text's p_vaddr is not its p_offset.
func layouts(t *testing.T) map[string][]string {
	m := map[string][]string{
		"pie":             {"-pie", "-fPIE"},
		"non-pie":         {"-no-pie", "-fno-pie"},
		"static":          {"-static", "-no-pie", "-fno-pie"},
		"static-pie":      {"-static-pie", "-fPIE"},
		"one segment":     {"-pie", "-fPIE", "-Wl,-z,noseparate-code"},
		"high base":       {"-no-pie", "-fno-pie", "-Wl,-Ttext-segment=0x10000000"},
		"pie, moved text": {"-pie", "-fPIE", "-Wl,-Ttext=0x40000"},
		"moved text":      {"-no-pie", "-fno-pie", "-Wl,-Ttext=0x7654000"},
		"gold":            {"-pie", "-fPIE", "-fuse-ld=gold"},
		"huge pages":      {"-pie", "-fPIE", "-Wl,-z,max-page-size=0x200000"},
	}
	if dir := lldDir(); dir != "" {
		m["lld"] = []string{"-pie", "-fPIE", "-fuse-ld=lld", "-B" + dir}
	} else {
		t.Log("no ld.lld here: its layout is covered by TestModulesWhereSegmentsShareAPage only")
	}
	return m
}

// lldDir is a directory with ld.lld: LLVM's, or the one that rustc brings.
func lldDir() string {
	home, _ := os.UserHomeDir()
	for _, pattern := range []string{
		"/usr/bin/ld.lld", "/usr/lib/llvm-*/bin/ld.lld",
		filepath.Join(home, ".rustup/toolchains/*/lib/rustlib/*/bin/gcc-ld/ld.lld"),
	} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return filepath.Dir(found[0])
		}
	}
	return ""
}

// TestAddressesInAProcess runs a program of each layout and compares what it
// says about itself with what its file says.
func TestAddressesInAProcess(t *testing.T) {
	for name, args := range layouts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := compile(t, "gcc", ".c", marked, args...)
			maps, addrs, _ := strings.Cut(run(t, path), "marked=")
			var wantMarked, wantQsort uint64
			if _, err := fmt.Sscanf(addrs, "%v qsort=%v", &wantMarked, &wantQsort); err != nil {
				t.Fatalf("%v in %q", err, addrs)
			}
			ms, err := procmaps.Parse(strings.NewReader(maps))
			if err != nil {
				t.Fatal(err)
			}
			mods, err := Modules(ms, nil)
			if err != nil {
				t.Fatal(err)
			}
			program := checkMarked(t, mods, path, wantMarked)
			// A program at a fixed address takes that of its own PLT for qsort.
			if program.PIE() && program.Interp() != "" {
				checkQsort(t, mods, wantQsort)
			}
		})
	}
}

func checkMarked(t *testing.T, mods []*Module, path string, want uint64) *File {
	t.Helper()
	m := matching(t, mods, path)
	if !m.Main || !m.Match("/proc/self/exe") {
		t.Error("the program is not the main module")
	}
	f := m.File
	sym := lookup1(t, f, "marked")
	if got := sym.Value + m.Bias; got != want {
		t.Errorf("marked at %#x, in the process at %#x", got, want)
	}
	if b, err := f.Bytes(sym.Value, len(markedBytes)); err != nil || !bytes.Equal(b, markedBytes) {
		t.Errorf("bytes % x, %v; want % x", b, err, markedBytes)
	}
	off, ok := f.FileOffset(sym.Value)
	if v, back := f.Vaddr(off); !ok || !back || v != sym.Value {
		t.Errorf("offset %#x (%v) leads back to %#x (%v), not %#x", off, ok, v, back, sym.Value)
	}
	fd, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	b := make([]byte, len(markedBytes))
	if _, err := fd.ReadAt(b, int64(off)); err != nil || !bytes.Equal(b, markedBytes) {
		t.Errorf("at file offset %#x: % x, %v", off, b, err)
	}
	if !f.Executable(sym.Value) {
		t.Error("marked is not executable")
	}
	return f
}

func checkQsort(t *testing.T, mods []*Module, want uint64) {
	m := matching(t, mods, "libc")
	if got := lookup1(t, m.File, "qsort").Value + m.Bias; got != want {
		t.Errorf("qsort at %#x, in the process at %#x", got, want)
	}
}

// matching is the one module that path means.
func matching(t *testing.T, mods []*Module, path string) *Module {
	t.Helper()
	var found *Module
	for _, m := range mods {
		if m.Match(path) {
			if found != nil {
				t.Errorf("%s and %s both match %s", found.Path, m.Path, path)
			}
			found = m
		}
	}
	if found == nil {
		t.Fatalf("no module matches %s", path)
	}
	if found.File == nil {
		t.Fatalf("%s: %v", found.Path, found.Err)
	}
	t.Cleanup(func() { found.File.Close() })
	return found
}

func TestTextMayLieElsewhereInTheFile(t *testing.T) {
	f := open(t, compile(t, "gcc", ".c", marked, "-pie", "-fPIE", "-Wl,-Ttext=0x40000"))
	sym := lookup1(t, f, "marked")
	if off, _ := f.FileOffset(sym.Value); off == sym.Value {
		t.Fatalf("p_vaddr is p_offset (%#x): the layout does not test anything", off)
	}
}

func TestLoadBase(t *testing.T) {
	for _, c := range []struct {
		args []string
		want uint64
	}{
		{[]string{"-pie", "-fPIE"}, 0},
		{[]string{"-no-pie", "-fno-pie"}, 0x400000},
		{[]string{"-no-pie", "-fno-pie", "-Wl,-Ttext-segment=0x10000000"}, 0x10000000},
	} {
		f := open(t, compile(t, "gcc", ".c", marked, c.args...))
		if got := f.LoadBase(); got != c.want {
			t.Errorf("%v: LoadBase %#x, want %#x", c.args, got, c.want)
		}
		if f.LoadEnd()%pageSize != 0 || f.LoadEnd() <= f.Entry() {
			t.Errorf("%v: LoadEnd %#x, entry %#x", c.args, f.LoadEnd(), f.Entry())
		}
	}
}

func TestBytesStayInTheirSegment(t *testing.T) {
	f := open(t, libc)
	text := f.loads[1]
	bss := f.loads[len(f.loads)-1]
	for name, c := range map[string]struct {
		vaddr uint64
		n     int
	}{
		"in no segment":      {1 << 40, 1},
		"negative size":      {text.vaddr, -1},
		"over the end":       {text.vaddr + text.filesz - 4, 5},
		"more than the file": {text.vaddr, 1 << 62},
		"zero-filled memory": {bss.vaddr + bss.filesz, 1},
	} {
		if b, err := f.Bytes(c.vaddr, c.n); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %d bytes, error %v", name, len(b), err)
		}
	}
	if b, err := f.Bytes(text.vaddr+text.filesz-4, 4); err != nil || len(b) != 4 {
		t.Errorf("the last bytes: % x, %v", b, err)
	}
}

func TestText(t *testing.T) {
	f, err := disk("/sharer")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Text(), []Func{{0x13d70, 0x15d70}}; !slices.Equal(got, want) {
		t.Errorf("Text = %#x, want %#x", got, want)
	}
}

// TestCode: the sections with instructions, in a file where constants share their
// segment; without section headers all that is executable.
func TestCode(t *testing.T) {
	path := compile(t, "gcc", ".c", marked, layouts(t)["one segment"]...)
	other, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var want []Func
	for _, s := range other.Sections {
		if s.Flags&elf.SHF_EXECINSTR != 0 {
			want = append(want, Func{s.Addr, s.Addr + s.Size})
		}
	}
	f, rodata := open(t, path), other.Section(".rodata").Addr
	if got := f.Code(); len(got) < 4 || !slices.Equal(got, want) || !f.Executable(rodata) {
		t.Errorf("Code = %#x, want %#x; constants executable: %v", got, want, f.Executable(rodata))
	}
	bare, err := disk("/sharer")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(bare.Code(), bare.Text()) {
		t.Errorf("without sections Code = %#x", bare.Code())
	}
}

func TestHeaderFacts(t *testing.T) {
	f := open(t, libc)
	if f.Name() != libc || f.Soname() != "libc.so.6" || f.Interp() != ldso || !f.PIE() {
		t.Errorf("libc: name %q, soname %q, interpreter %q, PIE %v", f.Name(), f.Soname(), f.Interp(), f.PIE())
	}
	src := `int main(void) { return 0; }`
	const id = "-Wl,--build-id=0x0123456789abcdef0123456789abcdef01234567"
	f = open(t, compile(t, "gcc", ".c", src, "-static", "-no-pie", id))
	if got := fmt.Sprintf("%x", f.BuildID()); got != "0123456789abcdef0123456789abcdef01234567" {
		t.Errorf("build-id %s", got)
	}
	if f.Soname() != "" || f.Interp() != "" || f.PIE() {
		t.Errorf("static: soname %q, interpreter %q, PIE %v", f.Soname(), f.Interp(), f.PIE())
	}
	if f = open(t, compile(t, "gcc", ".c", src, "-Wl,--build-id=none")); f.BuildID() != nil {
		t.Errorf("build-id %x of a file without one", f.BuildID())
	}
}

func TestOpenRefuses(t *testing.T) {
	object := compile(t, "gcc", ".c", "int x;", "-c")
	script := filepath.Join(t.TempDir(), "script")
	write(t, script, "#!/bin/sh\n")
	header := func(edit func(b []byte)) string {
		b, err := os.ReadFile(ldso)
		if err != nil {
			t.Fatal(err)
		}
		edit(b)
		path := filepath.Join(t.TempDir(), "edited")
		write(t, path, string(b))
		return path
	}
	for name, c := range map[string]struct{ path, want string }{
		"a script":        {script, "no ELF header"},
		"an object":       {object, "type 1 is neither"},
		"a directory":     {t.TempDir(), "not a regular file"},
		"a device":        {"/dev/zero", "not a regular file"},
		"another machine": {header(func(b []byte) { b[18] = 183 }), "machine 183"},
		"32 bits":         {header(func(b []byte) { b[4] = 1 }), "class 1"},
		"headers outside": {header(func(b []byte) { le.PutUint64(b[32:], 1<<60) }), "program headers"},
		"no segment":      {header(func(b []byte) { le.PutUint16(b[56:], 0) }), "no PT_LOAD"},
		"odd headers":     {header(func(b []byte) { le.PutUint16(b[54:], 32) }), "program headers of 32 bytes"},
	} {
		f, err := Open(c.path)
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, %v; want %q", name, f, err, c.want)
		}
	}
	if _, err := Open("/nonexistent"); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// onlyReaderAt hides that a reader knows its size.
type onlyReaderAt struct{ io.ReaderAt }

func TestNewFindsTheSize(t *testing.T) {
	b, err := os.ReadFile(ldso)
	if err != nil {
		t.Fatal(err)
	}
	f, err := New("ld.so", onlyReaderAt{bytes.NewReader(b)})
	if err != nil {
		t.Fatal(err)
	}
	if f.in.size != uint64(len(b)) {
		t.Errorf("size %d, want %d", f.in.size, len(b))
	}
	lookup1(t, f, "_dl_debug_state")
}
