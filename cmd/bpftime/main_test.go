package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// bin is the directory of the command under test, the agent and the victims.
var bin string

// TestMain puts the command where users have it: beside the agent. It is this same
// program under its name, so that no compiler is needed and nothing else is tested.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "bpftime" {
		main()
	}
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	agent := os.Getenv("BPFTIME_AGENT")
	if agent == "" {
		agent = filepath.Join("..", "..", "build", agentName)
	}
	if _, err := os.Stat(agent); err != nil {
		return 0, fmt.Errorf("no agent: %w\nbuild it: ./build.sh", err)
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	if bin, err = os.MkdirTemp("", "bpftime-command-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(bin)
	for from, to := range map[string]string{agent: agentName, self: "bpftime"} {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(bin, to), b, 0o755)
		}
		if err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}

// victim compiles testdata/SOURCE with gcc, once, to a program of the given name.
func victim(t *testing.T, name, source string, flags ...string) string {
	t.Helper()
	out := filepath.Join(bin, name)
	if _, err := os.Stat(out); err == nil {
		return out
	}
	args := append([]string{"-Wall", "-Wextra", "-Werror", "-O0", "-o", out, filepath.Join("testdata", source)}, flags...)
	if said, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, said)
	}
	return out
}

// A user runs the command in a directory and a run directory of its own.
type user struct {
	t           *testing.T
	dir, rundir string
	env         []string // added
}

func newUser(t *testing.T) *user {
	t.Helper()
	u := &user{t: t, dir: t.TempDir()}
	u.rundir = filepath.Join(u.dir, "rundir")
	return u
}

// command is one that was not started yet. Its environment is fixed, so that the
// tester's decides nothing.
func (u *user) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, "bpftime"), args...)
	cmd.Dir = u.dir
	cmd.Env = append([]string{"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + u.dir, "LANG=C", "BPFTIME_RUNDIR=" + u.rundir}, u.env...)
	cmd.WaitDelay = time.Minute
	return cmd
}

type result struct {
	stdout, stderr string
	code           int // 128 and the signal, as a shell has it
}

func (u *user) run(args ...string) result {
	u.t.Helper()
	cmd := u.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		u.t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), exitCode(cmd)}
}

func exitCode(cmd *exec.Cmd) int {
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// must is run for what must succeed.
func (u *user) must(args ...string) result {
	u.t.Helper()
	r := u.run(args...)
	if r.code != 0 {
		u.t.Fatalf("bpftime %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r
}

func (u *user) write(name, text string) string {
	u.t.Helper()
	path := filepath.Join(u.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		u.t.Fatal(err)
	}
	return path
}

// sessions lists what is left in the run directory.
func (u *user) sessions() (out []string) {
	entries, _ := os.ReadDir(u.rundir)
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

var (
	pids  = regexp.MustCompile(`\[\d+\]`)
	own   = regexp.MustCompile(`run-\d+`)
	times = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+`)
	jpids = regexp.MustCompile(`"(pid|tid|cpu|time_ns|bytes)":\d+`)
	pipes = regexp.MustCompile(`-\d+ +\[\d+\] \.+ +\d+\.\d+: `) // a line of trace_pipe
)

// wrapped is a message that goes on in the next line; where it was broken depends on the
// lengths of paths.
var wrapped = regexp.MustCompile(`(?m)^(  (?:refused|log): .*)\n {7,}`)

// normal replaces what differs between two runs.
func (u *user) normal(s string) string {
	for wrapped.MatchString(s) {
		s = wrapped.ReplaceAllString(s, "$1 ")
	}
	s = strings.ReplaceAll(s, u.dir, "DIR")
	s = strings.ReplaceAll(s, bin, "BIN")
	s = pipes.ReplaceAllString(s, "-PID [CPU] ..... TIME: ")
	s = pids.ReplaceAllString(s, "[PID]")
	s = own.ReplaceAllString(s, "run-PID")
	s = times.ReplaceAllString(s, "TIME")
	return jpids.ReplaceAllString(s, `"$1":0`)
}

// golden compares with testdata/golden/NAME, which was written by hand.
func (u *user) golden(name, got string) {
	u.t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", "golden", name))
	if err != nil {
		u.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), u.normal(got)); diff != "" {
		u.t.Errorf("%s: printed (+) is not what the file says (-):\n%s", name, diff)
	}
	if !strings.HasSuffix(name, ".json") {
		u.columns(name, got)
	}
}

// columns holds every line to 80 columns, but for messages and lines of trace_pipe, whose
// form is the kernel's, and lines with a word that is longer than half of it.
func (u *user) columns(what, text string) {
	u.t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		longest := 0
		for word := range strings.FieldsSeq(line) {
			longest = max(longest, len(word))
		}
		if n := utf8.RuneCountInString(line); n > 80 && longest <= 40 && !strings.HasPrefix(line, "bpftime: ") && !pipes.MatchString(line) {
			u.t.Errorf("%s: %d columns: %s", what, n, line)
		}
	}
}
