package applier

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// longPath copies the guest to a path of at least n bytes.
func longPath(t *testing.T, n int) string {
	t.Helper()
	dir := filepath.Dir(host.WorkDir(t))
	for len(dir) < n {
		dir = filepath.Join(dir, strings.Repeat("d", 100))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "guest")
	if err := os.WriteFile(path, []byte(readFile(t, host.Victim(t, "guest.c"))), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLongNames: a specification that is longer than a link's slot has room for has one link all the same, in every
// process, and two that differ only behind that have two.
func TestLongNames(t *testing.T) {
	c, tr := tracedGuest(t)
	guest := longPath(t, abi.LINK_NAME_SIZE)
	c.Args = []string{guest}
	tr.Specs = []string{"uprobe/" + guest + ":f", "uprobe/" + guest + ":main"}
	const runs = 3
	for range runs {
		host.Compare(t, c, tr)
	}
	links := openLinks(t, tr)
	if len(links) != 2 {
		t.Fatalf("%d links after %d runs, want 2: %+v; log %q", len(links), runs, links, tr.Log(t))
	}
	for i, want := range []uint64{100 * runs, runs} {
		if links[i].Hits != want {
			t.Errorf("link %d: %d hits, want %d", i, links[i].Hits, want)
		}
	}
}

// TestGarbage: whatever other processes have written into a session, but for its header, a process that joins is as it
// is without the agent.
func TestGarbage(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for round := range host.Scale(15, 500) {
		c, tr := tracedGuest(t)
		host.Run(t, c, tr)
		s := openSession(t, tr)
		garbage := make([]byte, abi.SESSION_COUNTERS_OFF-abi.SESSION_PROCS_OFF)
		for i := range garbage {
			garbage[i] = []byte{0, 1, 2, 0xff, byte(r.IntN(256))}[r.IntN(5)]
		}
		from := r.IntN(len(garbage))
		garbage = garbage[:from+r.IntN(len(garbage)-from)]
		s.write(abi.SESSION_PROCS_OFF+from, garbage[from:])
		s.put64(abi.SESSION_HDR_LOG_HEAD, r.Uint64())
		got := host.Run(t, c, tr)
		if got.Exit != 23 || got.Stdout != "ready\n" || got.Stderr != "" {
			t.Errorf("round %d: exit %d signal %v stdout %q stderr %q", round, got.Exit, got.Signal, got.Stdout, got.Stderr)
		}
	}
}
