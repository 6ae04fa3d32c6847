package objects

import (
	"encoding/binary"
	"testing"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

const tailcalls = `
objects:
- path: OBJ/tailcalls.bpf.o
  attach:
    first: {at: "uprobe/TARGET:add", cookie: 9}
`

// TestTailCalls: a chain ends after 33, entries that are not there are passed over, and what is put into the array while the
// session lasts is found by the next process, which knows nothing but the file.
func TestTailCalls(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const n, sum = 20, 210
		c := host.Cmd{Args: []string{target(t), "add", "20"}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, tailcalls))
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		wantCounts(t, tr, "tailcalls", map[string]uint64{
			"entered": n, "none": n, "beyond": sum, "chained": 33 * n, "fell": n, "arguments": 3 * sum, "rest": n, "lasts": 0, "other": 0,
		})
		later, err := maps.OpenWriter(tr.Path() + "/maps/tailcalls.later")
		if err != nil {
			t.Fatal(err)
		}
		defer later.Close()
		another := binary.LittleEndian.AppendUint64(nil, maps.Identity("tailcalls.another"))
		if err := later.Update(make([]byte, 4), another, maps.Any); err != nil {
			t.Fatal(err)
		}
		host.Run(t, c, tr)
		wantCounts(t, tr, "tailcalls", map[string]uint64{"entered": 2 * n, "none": n, "chained": 33 * n, "other": 2 * sum})
	})
}

// TestTailCallsFromFunctions: what a function goes on with returns to the function's caller.
func TestTailCallsFromFunctions(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const n, sum = 20, 210
		c := host.Cmd{Args: []string{target(t), "add", "20"}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, `objects: [{path: OBJ/tailcalls.bpf.o, attach: {nested: {at: "uprobe/TARGET:add", cookie: 9}}}]`))
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		wantCounts(t, tr, "tailcalls", map[string]uint64{"lasts": n, "same": n, "arguments": sum, "high": n, "sums": 3 * sum, "entered": 0})
	})
}

// wantCounts compares global variables, those that are named.
func wantCounts(t *testing.T, tr *host.Trace, object string, want map[string]uint64) {
	t.Helper()
	got := globals(t, tr, object, "bss")
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: %d, want %d", name, got[name], n)
		}
	}
}

// TestTailCallsToOthers: a program of another object, which that one put there, is found by an array that both share, and
// not by one of each.
func TestTailCallsToOthers(t *testing.T) {
	const n, sum = 20, 210
	forVariants(t, func(t *testing.T, v variant) {
		for shared, seconds := range map[string]uint64{"true": n, "false": 0} {
			c := host.Cmd{Args: []string{target(t), "add", "20"}, Dir: host.WorkDir(t)}
			tr := lasting(t, c, trace(t, v, `
objects:
- {path: OBJ/chain.bpf.o, maps: {next: {shared: `+shared+`}}, attach: {first: "uprobe/TARGET:add"}}
- {path: OBJ/chained.bpf.o, maps: {next: {shared: `+shared+`}}, attach: {second: "uprobe/TARGET:greet"}}
`))
			host.Run(t, c, tr)
			wantCounts(t, tr, "chain", map[string]uint64{"firsts": n, "missed": n - seconds, "thirds": 0})
			name := map[string]string{"true": "next", "false": "chain.next"}[shared]
			next, err := maps.OpenWriter(tr.Path() + "/maps/" + name)
			if err != nil {
				t.Fatal(err)
			}
			defer next.Close()
			entry := binary.LittleEndian.AppendUint64(nil, maps.Identity("chain.third"))
			if err := next.Update([]byte{1, 0, 0, 0}, entry, maps.Any); err != nil {
				t.Fatal(err)
			}
			host.Compare(t, c, tr)
			wantCounts(t, tr, "chain", map[string]uint64{"firsts": 2 * n, "missed": 2 * (n - seconds), "thirds": seconds, "sums": sum * seconds / n})
			wantCounts(t, tr, "chained", map[string]uint64{"seconds": 2 * seconds, "missed": seconds, "sums": 4 * sum * seconds / n})
		}
	})
}
