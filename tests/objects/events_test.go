package objects

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// records are what is left in a ring buffer of the session.
func records(t *testing.T, tr *host.Trace, name string) (out [][]byte) {
	t.Helper()
	for _, r := range recordsOf(t, tr, name) {
		out = append(out, r.Data)
	}
	return out
}

// TestEvents: records come in the order they were made, in both ways of making one, whole; discarded ones do not come.
func TestEvents(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		for _, every := range []int{4, 0} {
			const calls = 100
			tr := onTarget(t, v, fmt.Sprintf("objects: [{path: OBJ/events.bpf.o, rodata: {drop_every: %d}}]", every), "greet", fmt.Sprint(calls))
			pid := tr.Processes(t)[0].PID
			var want, got []string
			for i := 1; i <= calls; i++ {
				if every == 0 || i%every != 0 {
					want = append(want, fmt.Sprintf("%d 1 target name-%d", pid, i))
				}
				want = append(want, fmt.Sprintf("%d 2 target %d", pid, i))
			}
			for _, r := range records(t, tr, "events.events") {
				if len(r) != 56 {
					t.Fatalf("a record of %d bytes, want 56", len(r))
				}
				got = append(got, fmt.Sprintf("%d %d %s %s", number(r[:4]), number(r[4:8]), text(r[8:24]), text(r[24:])))
			}
			if !slices.Equal(got, want) {
				t.Errorf("drop_every %d: records %q, want %q", every, got, want)
			}
			if again := records(t, tr, "events.events"); len(again) != 0 {
				t.Errorf("%d records came twice", len(again))
			}
		}
	})
}
