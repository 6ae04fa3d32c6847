package hosts

import (
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

var signalScenarios = []string{
	"list", "signalfd_children", "timed_wait", "blocked_term", "blocked_handler", "big_handler", "on_stack", "timers",
	"interrupted", "urgent", "restarted", "pipe_ignored", "pipe_killed", "fault", "fault_handled", "fault_in_thread",
	"abort", "divide", "killed", "trap", "illegal",
}

// TestSignals: a runtime left behind would take signals meant for the host, on its own stacks, and change what kills.
func TestSignals(t *testing.T) {
	victim := host.Victim(t, "signals.c", "-pthread")
	for _, name := range signalScenarios {
		t.Run(name, func(t *testing.T) {
			tr := host.Hot()
			host.Compare(t, host.Cmd{Args: []string{victim, name}, Dir: host.WorkDir(t)}, tr)
			tr.WantSome(t, "uprobe/libc:malloc")
		})
	}
}
