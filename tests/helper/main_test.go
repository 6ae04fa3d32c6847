// Package helper tests the helpers that a traced process provides to eBPF programs: internal/native/bpf*.c, linked into
// small programs of testdata that call them as a program does, from a frame like the thunk's.
//
// Three witnesses. What the C library says of the same thing, in the same moment, in threads, children and under other
// users. A golden file of formats, written by hand, which the kernel's own bpf_snprintf is held to as well where a
// test may load one. And what a session's reader finds in the trace ring, at every instruction of a writer, after
// writers were killed, and while many write.
package helper

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func TestMain(m *testing.M) { host.Main(m) }

// program compiles testdata/NAME.c with the helpers, once.
func program(t testing.TB, name string) string {
	t.Helper()
	return host.Native(t, "../helper/testdata/"+name+".c")
}

// informs matches what is said to a test, and is no complaint.
var informs = regexp.MustCompile(`^(helper|first|stack) \S+`)

// check runs a scenario, which prints what is wrong, and then how much it has checked.
func check(t *testing.T, u *host.User, name string, args ...string) string {
	t.Helper()
	c := host.Cmd{Args: append([]string{program(t, name)}, args...), Dir: host.WorkDir(t), User: u}
	r := host.Run(t, c, nil)
	if r.Exit != 0 || r.Stderr != "" {
		t.Errorf("exit %d, signal %v, stderr %q", r.Exit, r.Signal, r.Stderr)
	}
	done := 0
	for line := range strings.Lines(r.Stdout) {
		count, rest, _ := strings.Cut(line, " checks, ")
		if rest != "" && count != "0" && rest == "0 failures\n" {
			done++
		} else if !informs.MatchString(line) {
			t.Error(line)
		}
	}
	if done == 0 {
		t.Errorf("nothing was checked: %q", r.Stdout)
	}
	return r.Stdout
}

// scenarios runs each as a test, as root and as nobody.
func scenarios(t *testing.T, name string, list ...string) {
	t.Helper()
	host.ForUsers(t, func(t *testing.T, u *host.User) {
		for _, s := range list {
			t.Run(s, func(t *testing.T) { check(t, u, name, s) })
		}
	})
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program(t, name), args...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}
