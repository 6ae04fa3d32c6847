package hosts

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestPerf: perf's unwinding by unwind data finds its way through a function with entry and return probes: every sample
// has the callers that it has without us.
func TestPerf(t *testing.T) {
	host.Require(t, "perf")
	host.RequireRoot(t) // perf_event_paranoid
	program := host.Victim(t, "sampled.c", "-fno-optimize-sibling-calls")
	plain := chains(t, program, nil)
	tr := host.Of("uprobe/"+program+":probed", "uretprobe/"+program+":probed")
	traced := chains(t, program, tr)
	if plain < 20 || traced < 20 {
		t.Errorf("%d samples of spin with all callers alone, %d traced; of some 100", plain, traced)
	}
	tr.WantHits(t, tr.Specs[0], 300)
	tr.WantHits(t, tr.Specs[1], 300)
}

// chains records a run and returns how many samples have spin, probed, caller and main; with any other way up the test fails.
func chains(t *testing.T, program string, tr *host.Trace) (whole int) {
	t.Helper()
	dir := host.WorkDir(t)
	data := filepath.Join(filepath.Dir(dir), "perf.data")
	r := host.Run(t, host.Cmd{Args: []string{"perf", "record", "-q", "-e", "cpu-clock", "-F", "300", "--call-graph", "dwarf", "-o", data, program}, Dir: dir}, tr)
	if r.Exit != 0 || r.Stdout != "done\n" {
		t.Fatalf("perf record: exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	out, err := exec.Command("perf", "script", "-i", data, "-F", "ip,sym").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, sample := range strings.Split(string(out), "\n\n") {
		var names []string
		for line := range strings.Lines(sample) {
			if _, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok { // address name
				names = append(names, name)
			}
		}
		if len(names) == 0 || names[0] != "spin" {
			continue
		}
		if !inOrder(names, "spin", "probed", "caller", "main", "_start") {
			t.Errorf("a sample is %v", names)
		}
		whole++
	}
	return whole
}

// inOrder tells whether want is in list, perhaps with others between.
func inOrder(list []string, want ...string) bool {
	for _, name := range list {
		if len(want) > 0 && name == want[0] {
			want = want[1:]
		}
	}
	return len(want) == 0
}
