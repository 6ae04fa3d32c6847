package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// binDir holds the victims compiled so far, for the life of the test process.
var binDir string

// BinDir returns the directory of the compiled victims, which every user can read.
func BinDir(t testing.TB) string {
	t.Helper()
	if binDir != "" {
		return binDir
	}
	dir, err := os.MkdirTemp("", "bpftime-victims-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	binDir = dir
	return dir
}

func removeBinDir() {
	if binDir != "" {
		os.RemoveAll(binDir)
	}
}

// Source returns the path of a file of tests/victims.
func Source(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(Root(t), "tests", "victims", name)
}

// Victim compiles tests/victims/SOURCE with gcc, or g++ for C++, and returns the program's path: in BinDir, the name
// of the source without its suffix. The flags come after the source, so that libraries may be among them; an
// argument that names another file of tests/victims adds that source.
func Victim(t testing.TB, source string, flags ...string) string {
	t.Helper()
	compiler := "gcc"
	if strings.HasSuffix(source, ".cpp") {
		compiler = "g++"
	}
	return Build(t, compiler, strings.TrimSuffix(source, filepath.Ext(source)), append([]string{source}, flags...)...)
}

// Plugin compiles tests/victims/SOURCE to a shared object OUTPUT.
func Plugin(t testing.TB, source, output string, flags ...string) string {
	t.Helper()
	return Build(t, "gcc", output, append([]string{source, "-shared", "-fPIC"}, flags...)...)
}

// Build compiles with the named compiler to BinDir/OUTPUT, once.
func Build(t testing.TB, compiler, output string, args ...string) string {
	t.Helper()
	out := filepath.Join(BinDir(t), output)
	if _, err := os.Stat(out); err == nil {
		return out
	}
	path, err := exec.LookPath(compiler)
	if err != nil {
		Require(t, compiler)
	}
	line := []string{"-Wall", "-Wextra", "-Werror", "-O2", "-g", "-o", out}
	for _, a := range args {
		line = append(line, sourceOrFlag(t, a))
	}
	if msg, err := exec.Command(path, line...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", compiler, strings.Join(line, " "), err, msg)
	}
	return out
}

// Native compiles a source with all that stays in a host (internal/native), for tests that call it directly.
func Native(t testing.TB, source string, flags ...string) string {
	t.Helper()
	root := Root(t)
	args := append([]string{source, "../../preload/vdso.c", "-fno-stack-protector", "-pthread", "-I" + filepath.Join(root, "internal/abi"),
		"-I" + filepath.Join(root, "internal/native"), "-I" + filepath.Join(root, "preload")}, flags...)
	for _, pattern := range []string{"*.c", "*.S"} {
		files, err := filepath.Glob(filepath.Join(root, "internal/native", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s in internal/native: %v", pattern, err)
		}
		for _, file := range files {
			args = append(args, "../../internal/native/"+filepath.Base(file))
		}
	}
	return Build(t, "gcc", strings.TrimSuffix(filepath.Base(source), ".c"), args...)
}

func sourceOrFlag(t testing.TB, arg string) string {
	switch filepath.Ext(arg) {
	case ".c", ".cpp", ".S":
		if !strings.HasPrefix(arg, "-") {
			return Source(t, arg)
		}
	}
	return arg
}
