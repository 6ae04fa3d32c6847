package objects

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// A variant is a compiler and an instruction set (-mcpu) that it knows.
type variant struct{ compiler, cpu string }

func (v variant) String() string { return v.compiler + " " + v.cpu }

// variants are those of the compilers that are installed.
func variants(t *testing.T) (out []variant) {
	t.Helper()
	seen := map[string]bool{}
	for _, name := range []string{"clang-14", "clang-19", "clang"} {
		path, err := exec.LookPath(name)
		if err == nil {
			path, err = filepath.EvalSymlinks(path)
		}
		if err != nil || seen[path] {
			continue
		}
		seen[path] = true
		for _, cpu := range cpus(t, name) {
			out = append(out, variant{name, cpu})
		}
	}
	if out == nil {
		host.Require(t, "clang")
	}
	return out
}

// cpus are the instruction sets of a clang: v4 came with clang 18.
func cpus(t *testing.T, clang string) []string {
	t.Helper()
	out, err := exec.Command(clang, "-dumpversion").Output()
	if err != nil {
		t.Fatal(err)
	}
	major, _, _ := strings.Cut(string(out), ".")
	if version, _ := strconv.Atoi(major); version >= 18 {
		return []string{"v1", "v2", "v3", "v4"}
	}
	return []string{"v1", "v2", "v3"}
}

// forVariants runs a test with the objects of every variant.
func forVariants(t *testing.T, test func(t *testing.T, v variant)) {
	t.Helper()
	for _, v := range variants(t) {
		t.Run(v.String(), func(t *testing.T) { test(t, v) })
	}
}

// forEnds runs a test with the oldest and the newest variant, in the long form with all: what takes a server.
func forEnds(t *testing.T, test func(t *testing.T, v variant)) {
	t.Helper()
	all := variants(t)
	if !host.Torture() {
		all = []variant{all[0], all[len(all)-1]}
	}
	for _, v := range all {
		t.Run(v.String(), func(t *testing.T) { test(t, v) })
	}
}

// anyVariant is that of the newest compiler and instruction set.
func anyVariant(t *testing.T) variant {
	t.Helper()
	all := variants(t)
	return all[len(all)-1]
}

// dir is where the variant's objects are.
func (v variant) dir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(host.BinDir(t), "objects", v.compiler+"-"+v.cpu)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// compile makes NAME.bpf.o of testdata/NAME.bpf.c, once.
func (v variant) compile(t testing.TB, name string) string {
	t.Helper()
	out := filepath.Join(v.dir(t), name+".bpf.o")
	if _, err := os.Stat(out); err == nil {
		return out
	}
	machine, err := exec.Command("gcc", "-dumpmachine").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join("testdata", name+".bpf.c")
	run(t, v.compiler, "-target", "bpf", "-mcpu="+v.cpu, "-O2", "-g", "-Wall", "-Werror", "-D__TARGET_ARCH_x86",
		"-I/usr/include/"+strings.TrimSpace(string(machine)), "-c", source, "-o", out)
	return out
}

// image is what compile made.
func (v variant) image(t testing.TB, name string) []byte {
	t.Helper()
	image, err := os.ReadFile(v.compile(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// target compiles testdata/target.c, once.
func target(t testing.TB) string {
	t.Helper()
	return native(t, "target", "target.c", "-pthread")
}

// native compiles a C file of testdata with gcc, once.
func native(t testing.TB, output, source string, flags ...string) string {
	t.Helper()
	return compiled(t, "gcc", output, source, flags...)
}

func compiled(t testing.TB, compiler, output, source string, flags ...string) string {
	t.Helper()
	out := filepath.Join(host.BinDir(t), output)
	if _, err := os.Stat(out); err != nil {
		args := []string{"-O2", "-g", "-Wall", "-Wextra", "-Werror", "-o", out, filepath.Join("testdata", source)}
		run(t, compiler, append(args, flags...)...)
	}
	return out
}

func run(t testing.TB, command string, args ...string) {
	t.Helper()
	if out, err := exec.Command(command, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", fmt.Sprint(command, args), err, out)
	}
}
