// Package signals tests what the agent does where a signal of the process is its own: internal/native/signal*.c and trap.c
// (law 9: who owns a handler owns the mask).
//
// The rule of all tests: a host that makes system calls about its signals gets the same answers, in the same order,
// whether SIGTRAP is its own or ours; and an int3 of ours leads on at every moment, also where the host believes
// SIGTRAP blocked, ignored or at its default.
package signals

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func TestMain(m *testing.M) { host.Main(m) }

// scenarios of views.c, and how many lines they print.
var scenarios = map[string]int{"masks": 14, "actions": 33, "sent": 8, "breakpoint": 6, "deaths": 6,
	"waits": 10, "execs": 10, "spawns": 7, "threads": 9, "alternate": 28, "overflow": 4, "restarts": 5, "names": 1}

// TestViews: what a host sees of its signals is the same when one of them is ours.
func TestViews(t *testing.T) {
	program := host.Native(t, "../signals/testdata/views.c")
	for _, signal := range []string{"trap", "segv", "bus"} {
		for scenario, lines := range scenarios {
			t.Run(signal+" "+scenario, func(t *testing.T) {
				plain := host.Run(t, host.Cmd{Args: []string{program, scenario, "plain", signal}, Dir: host.WorkDir(t)}, nil)
				owned := host.Run(t, host.Cmd{Args: []string{program, scenario, "owned", signal}, Dir: host.WorkDir(t)}, nil)
				if plain.Exit != 0 || strings.Count(plain.Stdout, "\n") != lines {
					t.Fatalf("exit %d, %d lines, want %d:\n%s%s", plain.Exit, strings.Count(plain.Stdout, "\n"), lines, plain.Stdout, plain.Stderr)
				}
				if owned.Exit != 0 || owned.Stdout != plain.Stdout {
					t.Errorf("with the signal ours: exit %d, signal %v\n%s\nwith its own:\n%s", owned.Exit, owned.Signal, owned.Stdout, plain.Stdout)
				}
			})
		}
	}
}

// children are the scenarios whose other processes take turns as well.
var children = map[string]bool{"deaths": true, "execs": true, "spawns": true, "threads": true, "overflow": true, "restarts": true}

// TestTraps: the same programs with the agent: an int3 in a function of one byte, and every system call of theirs and of
// libc rewritten that could be in its way. What they print is what they print alone.
func TestTraps(t *testing.T) {
	program := host.Native(t, "../signals/testdata/views.c")
	tiny := "uprobe/" + program + ":tiny"
	for scenario := range scenarios {
		t.Run(scenario, func(t *testing.T) {
			tr := &host.Trace{Specs: []string{tiny}, Traps: true}
			_, out := host.Compare(t, host.Cmd{Args: []string{program, scenario, "plain", "trap"}, Dir: host.WorkDir(t)}, tr)
			if host.Baseline() {
				return
			}
			l := tr.Links(t)[tiny]
			if l.Tactic != "trap" {
				t.Fatalf("%s is patched by %q", tiny, l.Tactic)
			}
			turns := lastNumber(t, out.Stdout)
			if hits := int(l.Hits); hits > turns && !children[scenario] || hits < turns && scenario != "alternate" {
				t.Errorf("%d hits in %d turns", hits, turns)
			}
		})
	}
}

// lastNumber is N of the line "turns N" at the end.
func lastNumber(t *testing.T, out string) int {
	t.Helper()
	fields := strings.Fields(out)
	n, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	return n
}

// TestRewrittenCalls: a system call that is rewritten leaves every register, the flags and the red zone as the kernel does.
func TestRewrittenCalls(t *testing.T) {
	program := host.Build(t, "gcc", "registers", "../signals/testdata/registers.c")
	plain := host.Run(t, host.Cmd{Args: []string{program}, Dir: host.WorkDir(t)}, nil)
	if want := "known: as it was, 1000 calls\nchosen: as it was, 1000 calls\nother: as it was, 1000 calls\n"; plain.Stdout != want {
		t.Fatalf("alone it prints %q, want %q", plain.Stdout, want)
	}
	if host.Baseline() {
		return
	}
	traced := host.Run(t, host.Cmd{Args: []string{program}, Dir: host.WorkDir(t)}, &host.Trace{Specs: []string{"uprobe/libc:getenv"}, Traps: true})
	if want := "known: rewritten, 1000 calls\nchosen: rewritten, 1000 calls\nother: rewritten, 1000 calls\n"; traced.Stdout != want {
		t.Errorf("with traps it prints %q, want %q", traced.Stdout, want)
	}
}

// TestTrapsEverywhere: with traps no function of libc is refused, also those that begin with a system call that is
// rewritten (execve).
func TestTrapsEverywhere(t *testing.T) {
	const all, exec = "uprobe.multi/libc:*", "uprobe/libc:execve"
	tr := &host.Trace{Specs: []string{all, exec}, Traps: true}
	host.Compare(t, host.Cmd{Args: []string{"/bin/bash", "-c", "/bin/echo one; /bin/echo two | cat; exec /bin/true"}, Dir: host.WorkDir(t)}, tr)
	if host.Baseline() {
		return
	}
	if l := tr.Links(t)[all]; l.Refused != 0 || l.Hits < 1000 {
		t.Errorf("%s: %d functions refused (%s), %d hits, by %s", all, l.Refused, l.Error, l.Hits, l.Tactic)
	}
	tr.WantHits(t, exec, 4)
}

// TestTrapInLateModule: an int3 in a module that comes later, also as the only reason for traps.
func TestTrapInLateModule(t *testing.T) {
	victim := host.Victim(t, "late.c", "-pthread", "-ldl")
	plugin := host.Plugin(t, "tinyplugin.c", "tinyplugin.so")
	for _, c := range []struct {
		scenario, module string
		n                int
	}{{"once", plugin, 1000}, {"once", "tinyplugin", 1000}, {"reload", plugin, 10}, {"namespaces", plugin, 100}, {"in_child", plugin, 100}} {
		t.Run(c.scenario+" "+filepath.Base(c.module), func(t *testing.T) {
			tiny := "uprobe/" + c.module + ":tiny"
			tr := &host.Trace{Specs: []string{tiny}, Traps: true}
			_, out := host.Compare(t, host.Cmd{Args: []string{victim, c.scenario, plugin, strconv.Itoa(c.n)}, Dir: host.WorkDir(t)}, tr)
			tr.WantHits(t, tiny, uint64(lastNumber(t, out.Stdout)))
		})
	}
}
