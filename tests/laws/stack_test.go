package laws

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

const mostStack = 400 // law 5

// TestStack measures what probes take of the host's stack: by each tactic of a return probe, with each kind of program, at a thread's first hit and at a later one, on its own stack and on another.
func TestStack(t *testing.T) {
	needsAgent(t)
	victim := host.Build(t, "gcc", "stack", "../laws/testdata/stack.c", "-pthread")
	for function, tactic := range map[string]string{
		"plain": "return-a", "seventh": "return-b", "sixteenth": "return-b", "curious": "return-c",
		"leaving": "return-d",
	} {
		for _, where := range []string{"near", "far", "thread"} {
			for _, k := range kinds {
				t.Run(function+" "+where+" "+k.name, func(t *testing.T) { k.measure(t, victim, function, where, tactic) })
			}
		}
	}
}

// TestStackElsewhere is the same for an instruction inside a function, below the red zone, and for sessions,
// whose words come on top.
func TestStackElsewhere(t *testing.T) {
	needsAgent(t)
	victim := host.Build(t, "gcc", "stack", "../laws/testdata/stack.c", "-pthread")
	for _, where := range []string{"near", "far", "thread"} {
		for _, k := range kinds {
			for _, spec := range []string{"uprobe/%s:plain+4", "uprobe.session/%s:plain", "uprobe.session/%s:sixteenth"} {
				t.Run(where+" "+k.name+" "+spec, func(t *testing.T) {
					spec := fmt.Sprintf(spec, victim)
					function := strings.TrimSuffix(spec[strings.LastIndex(spec, ":")+1:], "+4")
					c := host.Cmd{Args: []string{victim, function, where}, Dir: host.WorkDir(t)}
					before := stackBytes(t, host.Run(t, c, nil))
					tr := &host.Trace{Text: k.manifest(t, spec)}
					after := stackBytes(t, host.Run(t, c, tr))
					most := mostStack + abi.SESSION_WORDS
					if strings.HasSuffix(spec, "+4") {
						most = mostStack + 128
					}
					for i, what := range []string{"first", "later"} {
						took := after[i] - before[i]
						t.Logf("%s hit: %d bytes", what, took)
						if took > most || took < 40 {
							t.Errorf("%s hit: the probes take %d bytes of stack, at most %d are allowed", what, took, most)
						}
					}
				})
			}
		}
	}
}

func (k kind) measure(t *testing.T, victim, function, where, tactic string) {
	dir := host.WorkDir(t)
	rundir := filepath.Join(filepath.Dir(dir), "run")
	spec := fmt.Sprintf("probe/%s:%s", victim, function)
	c := host.Cmd{Args: []string{victim, function, where}, Dir: dir}
	before := stackBytes(t, host.Run(t, c, nil))
	c.Env = []string{"LD_PRELOAD=" + host.Agent(t), "BPFTIME_RUNDIR=" + rundir,
		"BPFTIME_MANIFEST=" + k.manifest(t, "u"+spec, "uret"+spec)}
	after := stackBytes(t, host.Run(t, c, nil))
	s, err := session.Open(filepath.Join(rundir, "default"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, l := range s.Links() {
		if l.Hits != 2 || l.Misses != 0 || l.Name == "uret"+spec && l.Tactic != tactic {
			t.Errorf("%+v; want two hits, and %s for the return", l, tactic)
		}
	}
	for i, what := range []string{"first", "later"} {
		took := after[i] - before[i]
		t.Logf("%s hit: %d bytes", what, took)
		if took > mostStack {
			t.Errorf("%s hit: the probes take %d bytes of stack, at most %d are allowed", what, took, mostStack)
		}
	}
}

func stackBytes(t *testing.T, r host.Result) (n [2]int) {
	t.Helper()
	if _, err := fmt.Sscanf(r.Stdout, "bytes %d\nbytes %d\n", &n[0], &n[1]); err != nil || r.Exit != 0 {
		t.Fatalf("exit %d, stdout %q, stderr %q: %v", r.Exit, r.Stdout, r.Stderr, err)
	}
	return n
}
