// Package host runs real programs twice, without and with the agent, and says what differs.
//
// The protocol. TestMain calls [Main] once: it makes the test process a child subreaper, so that whatever a host
// leaves behind becomes our child and is found and ended by its pid, and it makes one shared directory for compiled
// victims. A test describes a program as a [Cmd] and what to trace as a [Trace]; [Compare] runs the program plain and
// traced in the same, freshly emptied directory, and compares output, exit status and every [State] the program
// reported at a checkpoint. Commands run one after another: the hunt for orphans takes every child of the test
// process that it did not start for an orphan, so tests that use this package do not call t.Parallel.
//
// Programs run with a small fixed environment. Those meant for an unprivileged user are started by root with the
// credentials of [Nobody]. A program that is not installed skips its test, visibly, unless BPFTIME_REQUIRE_HOSTS is
// set, and then it fails.
//
// With BPFTIME_AGENT=none both runs are plain and nothing is asked of a session: this proves that the comparisons
// themselves are stable.
package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Root returns the top of the checkout: the directory that holds go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's directory")
		}
		dir = up
	}
}

// Baseline reports whether the agent is left out of the traced run, to prove the harness itself.
func Baseline() bool { return os.Getenv("BPFTIME_AGENT") == "none" }

// Torture reports whether the long forms of the tests were asked for.
func Torture() bool { return os.Getenv("BPFTIME_TORTURE") == "1" }

// Scale returns n, or big when the long forms were asked for.
func Scale(n, big int) int {
	if Torture() {
		return big
	}
	return n
}

// Agent returns the absolute path of the agent: BPFTIME_AGENT, or build/libbpftime-agent.so.
func Agent(t testing.TB) string {
	t.Helper()
	path := os.Getenv("BPFTIME_AGENT")
	if path == "" {
		path = filepath.Join(Root(t), "build", "libbpftime-agent.so")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("no agent: %v\nbuild it: go build -buildmode=c-shared -o build/libbpftime-agent.so ./preload", err)
	}
	return path
}

// Require skips the test when a program is absent, or fails it when BPFTIME_REQUIRE_HOSTS is set.
func Require(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := LookPath(p); err == nil {
			continue
		}
		if os.Getenv("BPFTIME_REQUIRE_HOSTS") != "" {
			t.Fatalf("%s is not installed, and BPFTIME_REQUIRE_HOSTS is set", p)
		}
		t.Skipf("%s is not installed", p)
	}
}

// LookPath finds a program on the path the hosts run with, not on the caller's.
func LookPath(program string) (string, error) {
	for _, dir := range filepath.SplitList(hostPath) {
		full := filepath.Join(dir, program)
		if st, err := os.Stat(full); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return full, nil
		}
	}
	return "", &exec.Error{Name: program, Err: exec.ErrNotFound}
}

// RequireRoot skips the test when it does not run as root: it mounts, or changes users.
func RequireRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}
