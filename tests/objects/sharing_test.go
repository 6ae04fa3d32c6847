package objects

import (
	"fmt"
	"maps"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestTwoProcesses: two processes of a session count in the same maps, at the same time; the maps are read when both are
// gone. The shell that starts them is traced too, and has no such function.
func TestTwoProcesses(t *testing.T) {
	for name, process := range map[string]string{"all": "", "only the target": "process: {exe: \"*/target\"}\n"} {
		t.Run(name, func(t *testing.T) {
			c := host.Cmd{Args: []string{"bash", "-c", "target add 3000 & one=$!; target add 5000 & two=$!; wait; echo $one $two"}, Dir: host.WorkDir(t)}
			target(t)
			tr := trace(t, anyVariant(t), process+`
session: both
objects:
- path: OBJ/calls.bpf.o
- path: OBJ/globals.bpf.o
  attach: {on_add: uprobe/target:add}
`)
			tr.Session = "both"
			r := host.Run(t, c, tr)
			var sums [2]int
			var one, two uint64
			if _, err := fmt.Sscan(r.Stdout, &sums[0], &sums[1], &one, &two); err != nil || sums[0]+sums[1] != 3*(3000*3001+5000*5001)/2 {
				t.Fatalf("%q, %q: %v", r.Stdout, r.Stderr, err)
			}
			wantQuiet(t, tr)
			for _, p := range tr.Processes(t) {
				if p.Alive() {
					t.Errorf("process %d is alive", p.PID)
				}
			}
			if got, want := table(t, tr, "calls.calls_total"), map[uint64]uint64{one: 3000, two: 5000}; !maps.Equal(got, want) {
				t.Errorf("calls %v, want %v", got, want)
			}
			if g := globals(t, tr, "globals", "bss"); g["seen"] != 8000 || g["passed"] != 8000 {
				t.Errorf("globals %v", g)
			}
		})
	}
}

// TestForkedChildren: children that never exec count as themselves.
func TestForkedChildren(t *testing.T) {
	tr := onTarget(t, anyVariant(t), "objects: [{path: OBJ/calls.bpf.o}]", "forks", "5", "100")
	calls := table(t, tr, "calls.calls_total")
	if len(calls) != 5 {
		t.Errorf("%d processes counted, want 5", len(calls))
	}
	for pid, n := range calls {
		if n != 100 {
			t.Errorf("%d calls of %d, want 100", n, pid)
		}
	}
}

// TestLateModule: a module that is loaded later is probed before its constructors run, by whichever name, on disk at the
// start or unknown then.
func TestLateModule(t *testing.T) {
	v := anyVariant(t)
	lib := native(t, "late.so", "late.c", "-shared", "-fPIC")
	for _, path := range []string{lib, "late", "late.so"} {
		t.Run(path[max(0, len(path)-8):], func(t *testing.T) {
			tr := onTarget(t, v, "objects: [{path: OBJ/tally.bpf.o, attach: {tally: {at: \"uprobe/"+path+":late\", cookie: 3}}}]", "late", lib, "500")
			if got, want := counted(table(t, tr, "tally.by_cookie")), map[uint64]uint64{3: 501}; !maps.Equal(got, want) {
				t.Errorf("calls %v, want %v", got, want)
			}
		})
	}
}
