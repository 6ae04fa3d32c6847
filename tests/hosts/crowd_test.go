package hosts

import (
	"fmt"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestCrowd: more threads alive than the session has states: those that find none run unprobed, and are counted as
// misses.
func TestCrowd(t *testing.T) {
	victim := host.Victim(t, "calls.c", "-pthread")
	entry, ret := "uprobe/"+victim+":f", "uretprobe/"+victim+":f"
	tr := host.Of(entry, ret)
	_, traced := host.Compare(t, host.Cmd{Args: []string{victim, "crowd", "100"}, Dir: host.WorkDir(t)}, tr)
	n := number(t, traced.Stdout, "calls %d\n")
	tr.WantCalls(t, entry, n)
	tr.WantCalls(t, ret, n)
	tr.WantSome(t, entry, ret)
}

// TestKilledInside: children that are killed while they call f leave nothing locked and nothing held: the parent's
// calls all count.
func TestKilledInside(t *testing.T) {
	victim := host.Victim(t, "calls.c", "-pthread")
	entry := "uprobe/" + victim + ":f"
	tr := host.Of(entry)
	_, traced := host.Compare(t, host.Cmd{Args: []string{victim, "after_kills", "10"}, Dir: host.WorkDir(t)}, tr)
	if host.Baseline() {
		return
	}
	n := number(t, traced.Stdout, "calls %d\n")
	if l := tr.Links(t)[entry]; l.Hits < n || l.Misses != 0 {
		t.Errorf("%d hits and %d misses, want at least %d and 0", l.Hits, l.Misses, n)
	}
}

// TestManyProcesses: processes that start at the same time share the session, its links and its counters.
func TestManyProcesses(t *testing.T) {
	guest := host.Victim(t, "guest.c")
	tests := []struct {
		name, script string
		processes    uint64
	}{
		{"at once", `i=0; while [ $i -lt 40 ]; do "$1" < /dev/null > /dev/null & i=$((i+1)); done; wait; echo done`, 40},
		{"one after another", `i=0; while [ $i -lt 700 ]; do "$1" < /dev/null > /dev/null; i=$((i+1)); done; echo done`, 700},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := "uprobe/" + guest + ":f"
			tr := &host.Trace{Specs: []string{spec}, Exe: "*/guest"}
			host.Compare(t, host.Cmd{
				Args: []string{"sh", "-c", test.script, "sh", guest}, Dir: host.WorkDir(t), Limit: 5 * time.Minute,
			}, tr)
			tr.WantHits(t, spec, 100*test.processes)
		})
	}
}

// TestSessionStays: a second run in the same run directory adds to the first.
func TestSessionStays(t *testing.T) {
	guest := host.Victim(t, "guest.c")
	dir := host.WorkDir(t)
	spec := "uprobe/" + guest + ":f"
	tr := &host.Trace{Specs: []string{spec}, Session: "kept", RunDir: dir + "-run"} // made by the agent
	for i := uint64(1); i <= 3; i++ {
		host.Run(t, host.Cmd{Args: []string{guest}, Dir: dir}, tr)
		tr.WantHits(t, spec, 100*i)
	}
	if processes := tr.Processes(t); len(processes) > 3 {
		t.Errorf("%d process slots for three runs: %s", len(processes), fmt.Sprint(processes))
	}
}
