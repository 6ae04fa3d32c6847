package hosts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/tests/internal/host"
	"github.com/google/go-cmp/cmp"
)

// record is what a scenario with a server showed, in the order of its steps. Everything in it is compared.
type record struct {
	Steps  []string
	States []host.State
}

func (r *record) note(format string, args ...any) {
	r.Steps = append(r.Steps, fmt.Sprintf(format, args...))
}

// compareServers plays a scenario plain and traced.
func compareServers(t *testing.T, tr *host.Trace, play func(t *testing.T, tr *host.Trace) *record) {
	t.Helper()
	plain := play(t, nil)
	traced := play(t, tr)
	if diff := cmp.Diff(plain, traced); diff != "" {
		t.Errorf("the traced run (+) differs from the plain one (-):\n%s", diff)
	}
}

// server is a running daemon and what its clients need.
type server struct {
	t   *testing.T
	dir string
	pid int
	out record
}

// run runs a client or a control program, plain, and returns its standard output.
func (s *server) run(u *host.User, args ...string) string {
	s.t.Helper()
	r := host.Run(s.t, host.Cmd{Args: args, Dir: host.WorkDir(s.t), User: u, Limit: 2 * time.Minute}, nil)
	if r.Exit != 0 {
		s.t.Fatalf("%v: exit %d\n%s%s", args, r.Exit, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// adopt takes a daemon that is now our child, by its pid file, and ends it with the test.
func (s *server) adopt(pidFile string) {
	s.t.Helper()
	found := host.Poll(30*time.Second, func() bool {
		text, _ := os.ReadFile(pidFile)
		first, _, _ := strings.Cut(string(text), "\n")
		s.pid, _ = strconv.Atoi(strings.TrimSpace(first))
		return s.pid > 0
	})
	if !found {
		s.t.Fatalf("no pid in %s", pidFile)
	}
	host.Adopt(s.t, s.pid)
}

// waitEnd waits until the daemon, told to stop, has ended, and notes how.
func (s *server) waitEnd() {
	s.t.Helper()
	ws := host.Reap(s.t, s.pid)
	s.out.note("ended with status %d signal %d", ws.ExitStatus(), int(ws.Signal()))
}

var digits = regexp.MustCompile(`\d+`)

// inspect adds the state of a process of the server, described by its command line.
func (s *server) inspect(step string, pid int, allow func(*host.State)) {
	s.t.Helper()
	title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	who := step + " " + strings.TrimRight(strings.ReplaceAll(string(title), "\x00", " "), " ")
	state, err := host.InspectSteady(digits.ReplaceAllString(who, "N"), pid)
	if err != nil {
		s.t.Fatal(err)
	}
	state.Directory = strings.ReplaceAll(state.Directory, s.dir, "DIR")
	for i, d := range state.Descriptors {
		state.Descriptors[i] = strings.ReplaceAll(d, s.dir, "DIR")
	}
	allow(&state)
	s.out.States = append(s.out.States, state)
}

// workers waits until the server has n children that satisfy the condition, and returns them.
func (s *server) workers(n int, want func(pid int) bool) []int {
	s.t.Helper()
	var list []int
	host.Poll(10*time.Second, func() bool {
		list = nil
		for _, pid := range host.Children(s.pid) {
			if want(pid) {
				list = append(list, pid)
			}
		}
		return len(list) == n
	})
	if len(list) != n {
		s.t.Fatalf("%d workers, want %d", len(list), n)
	}
	return list
}

func save(t testing.TB, text string, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// severe returns the lines of a log that report trouble, without their times and numbers.
func severe(t testing.TB, path string, marks ...string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		for _, m := range marks {
			if strings.Contains(line, m) {
				list = append(list, digits.ReplaceAllString(line, "N"))
				break
			}
		}
	}
	return list
}
