package elfsym

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The host's libraries, as Debian and Ubuntu install them.
const (
	libc      = "/usr/lib/x86_64-linux-gnu/libc.so.6"
	libstdcpp = "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"
	ldso      = "/lib64/ld-linux-x86-64.so.2"
)

// open opens a file for the duration of the test.
func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// compiled keeps what compile made, for all tests.
var compiled struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

func TestMain(m *testing.M) {
	var err error
	if compiled.dir, err = os.MkdirTemp("", "elfsym"); err != nil {
		panic(err)
	}
	compiled.paths = make(map[string]string)
	code := m.Run()
	os.RemoveAll(compiled.dir)
	os.Exit(code)
}

// compile builds source, written to a file with the extension ext, with the
// compiler cc and args, and returns the path of what it made. The tests that
// build the same share it.
func compile(t testing.TB, cc, ext, source string, args ...string) string {
	t.Helper()
	key := strings.Join(append([]string{cc, ext, source}, args...), "\x00")
	compiled.Lock()
	path, ok := compiled.paths[key]
	compiled.Unlock()
	if ok {
		return path
	}
	dir, err := os.MkdirTemp(compiled.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	in, out := filepath.Join(dir, "in"+ext), filepath.Join(dir, "out")
	write(t, in, source)
	run(t, cc, append([]string{"-o", out, in}, args...)...)
	compiled.Lock()
	compiled.paths[key] = out
	compiled.Unlock()
	return out
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run executes a tool of the build and returns what it prints.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// lookup1 finds the one function that name stands for.
func lookup1(t testing.TB, f *File, name string) Symbol {
	t.Helper()
	syms, err := f.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(syms) != 1 {
		t.Fatalf("%s: %d symbols, want 1: %+v", name, len(syms), syms)
	}
	return syms[0]
}

// names is the names of symbols, sorted.
func names(syms []Symbol) []string {
	var s []string
	for _, sym := range syms {
		s = append(s, sym.Name)
	}
	slices.Sort(s)
	return s
}

// withoutSections is a copy of the file whose section headers are gone, as
// sstrip leaves it.
func withoutSections(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	shoff := le.Uint64(b[40:])
	clear(b[40:48]) // e_shoff
	clear(b[60:64]) // e_shnum, e_shstrndx
	clear(b[shoff:])
	out := filepath.Join(t.TempDir(), filepath.Base(path))
	write(t, out, string(b))
	return out
}
