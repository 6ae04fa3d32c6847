// Package applier tests the C half of the agent: what turns a plan into mappings and patches in somebody else's
// process, whole or not at all.
//
// Two kinds of test. Single files of preload are compiled into small programs of testdata, with the sanitizers where
// they can be had, and compared with their Go twin or with a rule written here: the gate's glance at a manifest, the
// search for room near a module, the writing of text. And whole processes run with the agent while each of its system
// calls fails in turn, made to fail by a tracer (testdata/fault.c): nobody can tell from outside, text is patched
// whole or not at all, and the session's log says why in one line.
package applier

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func TestMain(m *testing.M) { host.Main(m) }

// program compiles testdata/NAME.c with the agent's headers, and the named files of the agent.
func program(t *testing.T, name string, flags []string, agent ...string) string {
	t.Helper()
	root := host.Root(t)
	out := filepath.Join(t.TempDir(), name)
	args := []string{
		"-Wall", "-Wextra", "-Werror", "-g", "-O1", "-o", out, filepath.Join("testdata", name+".c"),
		"-I" + filepath.Join(root, "preload"), "-I" + filepath.Join(root, "internal/abi"), "-I" + filepath.Join(root, "internal/native"),
	}
	for _, file := range agent {
		args = append(args, filepath.Join(root, "preload", file))
	}
	if msg, err := exec.Command("gcc", append(args, flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, msg)
	}
	return out
}

// victim compiles testdata/NAME.c for every user, once.
func victim(t *testing.T, name string, flags ...string) string {
	t.Helper()
	return host.Build(t, "gcc", name, append([]string{"../applier/testdata/" + name + ".c"}, flags...)...)
}

// needsAgent ends the test where no agent is to be tested.
func needsAgent(t *testing.T) {
	t.Helper()
	if host.Baseline() {
		t.Skip("BPFTIME_AGENT=none")
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
