package object_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm/object"
)

var update = flag.Bool("update", false, "compile testdata/*.o again, with clang")

// compilers are asked for every instruction set they know. Those that are not
// installed are left out; the objects in testdata are there without any.
var compilers = map[string][]string{
	"clang":    {"v1", "v2", "v3"},
	"clang-19": {"v1", "v2", "v3", "v4"},
}

// forEach runs a test with the object testdata/NAME.o and with what every
// compiler makes of testdata/NAME.bpf.c.
func forEach(t *testing.T, name string, test func(t *testing.T, spec *object.Spec)) {
	t.Helper()
	golden := filepath.Join("testdata", name+".o")
	canCompile := name != "libbpf" || hasLibbpf()
	if *update && canCompile {
		compile(t, "clang", "v3", name, golden)
		command(t, "llvm-objcopy", "--strip-debug", golden)
	}
	t.Run("testdata", func(t *testing.T) { test(t, load(t, golden)) })
	if !canCompile {
		return
	}
	for compiler, cpus := range compilers {
		if _, err := exec.LookPath(compiler); err != nil {
			continue
		}
		for _, cpu := range cpus {
			t.Run(compiler+" "+cpu, func(t *testing.T) { test(t, compiled(t, compiler, cpu, name)) })
		}
	}
}

// hasLibbpf looks for libbpf's headers, which only one of the sources needs.
func hasLibbpf() bool {
	for _, dir := range append(filepath.SplitList(os.Getenv("CPATH")), "/usr/include") {
		if _, err := os.Stat(filepath.Join(dir, "bpf", "usdt.bpf.h")); err == nil {
			return true
		}
	}
	return false
}

// specs are what was compiled already: nobody changes a Spec.
var specs = map[string]*object.Spec{}

func compiled(t *testing.T, compiler, cpu, name string) *object.Spec {
	t.Helper()
	key := compiler + cpu + name
	if specs[key] == nil {
		file := filepath.Join(t.TempDir(), name+".o")
		compile(t, compiler, cpu, name, file)
		specs[key] = load(t, file)
	}
	return specs[key]
}

func compile(t *testing.T, compiler, cpu, name, out string) {
	t.Helper()
	args := []string{"-target", "bpf", "-mcpu=" + cpu, "-O2", "-g", "-Wall", "-Wno-unused", "-Werror", "-D__TARGET_ARCH_x86", "-I/usr/include/x86_64-linux-gnu",
		"-fdebug-compilation-dir=.", "-c", filepath.Join("testdata", name+".bpf.c"), "-o", out}
	command(t, compiler, args...)
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if text, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, text)
	}
}

func load(t *testing.T, file string) *object.Spec {
	t.Helper()
	spec, err := object.LoadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func link(t *testing.T, spec *object.Spec, opts object.Options) *object.Object {
	t.Helper()
	o, err := object.Link(spec, opts)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func program(t *testing.T, o *object.Object, name string) *object.Program {
	t.Helper()
	p, err := o.Program(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// image is the object testdata/NAME.o.
func image(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".o"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantError compares the message, less the name of the object in front of it.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("accepted; want: %s", want)
		return
	}
	got := err.Error()
	if at := strings.Index(got, ".o: "); at >= 0 {
		got = got[at+len(".o: "):]
	}
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func wantEqual[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
