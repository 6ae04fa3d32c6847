// Package signals tests what the agent does where a signal of the process is its own: internal/native/signal*.c and trap.c
// (law 9: who owns a handler owns the mask).
//
// The rule of all tests: a host that makes system calls about its signals gets the same answers, in the same order,
// whether SIGTRAP is its own or ours; and an int3 of ours leads on at every moment, also where the host believes
// SIGTRAP blocked, ignored or at its default.
package signals

import (
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func TestMain(m *testing.M) { host.Main(m) }

// TestViews: what a host sees of its signals is the same when SIGTRAP is ours.
func TestViews(t *testing.T) {
	program := host.Native(t, "../signals/testdata/views.c")
	for scenario, lines := range map[string]int{"masks": 13, "actions": 30, "sent": 7, "breakpoint": 2, "deaths": 5,
		"waits": 9, "execs": 7, "spawns": 5, "threads": 8} {
		t.Run(scenario, func(t *testing.T) {
			plain := host.Run(t, host.Cmd{Args: []string{program, scenario, "plain"}, Dir: host.WorkDir(t)}, nil)
			owned := host.Run(t, host.Cmd{Args: []string{program, scenario, "owned"}, Dir: host.WorkDir(t)}, nil)
			if plain.Exit != 0 || strings.Count(plain.Stdout, "\n") != lines {
				t.Fatalf("exit %d, %d lines, want %d:\n%s%s", plain.Exit, strings.Count(plain.Stdout, "\n"), lines, plain.Stdout, plain.Stderr)
			}
			if owned.Exit != 0 || owned.Stdout != plain.Stdout {
				t.Errorf("with SIGTRAP ours: exit %d, signal %v\n%s\nwith its own:\n%s", owned.Exit, owned.Signal, owned.Stdout, plain.Stdout)
			}
		})
	}
}
