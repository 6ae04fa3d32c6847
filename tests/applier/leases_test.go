package applier

import (
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func leases(t *testing.T, scenario string) (host.Cmd, *host.Trace) {
	t.Helper()
	program := victim(t, "leases", "-I"+filepath.Join(host.Root(t), "internal/abi"))
	c, tr := tracedGuest(t)
	c.Args = []string{program, scenario}
	tr.Specs = []string{"uprobe/" + program + ":f", "uretprobe/" + program + ":f"}
	return c, tr
}

// TestBorrowedLeases: where a thread has no lease to keep, hits are counted all the same.
func TestBorrowedLeases(t *testing.T) {
	for _, scenario := range []string{"elsewhere", "no_tsc"} {
		t.Run(scenario, func(t *testing.T) {
			c, tr := leases(t, scenario)
			host.Compare(t, c, tr)
			tr.WantHits(t, tr.Specs[0], 100)
			tr.WantHits(t, tr.Specs[1], 100)
		})
	}
}

// keepNone takes all leases that could be kept, in the name of a process that lives.
func keepNone(t *testing.T, tr *host.Trace) sessionFile {
	t.Helper()
	s := openSession(t, tr)
	s.putHolder(abi.SESSION_NPROCS-1, own(t))
	for i := range abi.SESSION_NKEPT {
		s.put64(leaseAt(i)+abi.LEASE_OWNER, abi.SESSION_NPROCS)
	}
	return s
}

// TestNoLeaseToKeep: all are taken; each hit borrows one, and gives it back.
func TestNoLeaseToKeep(t *testing.T) {
	c, tr := leases(t, "elsewhere")
	host.Run(t, c, tr)
	s := keepNone(t, tr)
	host.Compare(t, c, tr)
	tr.WantHits(t, tr.Specs[0], 200)
	tr.WantHits(t, tr.Specs[1], 200)
	if n := s.leases(); n[abi.SESSION_NPROCS] != abi.SESSION_NKEPT || n[0] != abi.SESSION_NLEASES-abi.SESSION_NKEPT {
		t.Errorf("leases by owner: %v", n)
	}
}

// TestNoLease: there is none to borrow either. The function runs, and what was not run is counted as missed.
func TestNoLease(t *testing.T) {
	c, tr := leases(t, "exhausted")
	host.Run(t, c, tr)
	before := tr.Links(t)
	keepNone(t, tr)
	host.Compare(t, c, tr)
	for _, spec := range tr.Specs {
		if l := tr.Links(t)[spec]; l.Hits != before[spec].Hits || l.Misses != before[spec].Misses+100 {
			t.Errorf("%s: %d hits and %d misses, before %d and %d; want 100 misses more", spec, l.Hits, l.Misses, before[spec].Hits, before[spec].Misses)
		}
	}
}

// TestLateBorrower: who was killed while it had borrowed a lease has it for a while only.
func TestLateBorrower(t *testing.T) {
	c, tr := leases(t, "elsewhere")
	host.Run(t, c, tr)
	s := keepNone(t, tr)
	for i := abi.SESSION_NKEPT; i < abi.SESSION_NLEASES; i++ {
		s.put64(leaseAt(i)+abi.LEASE_OWNER, 1<<63|1<<32|1) // in second 1, long ago
	}
	host.Compare(t, c, tr)
	tr.WantHits(t, tr.Specs[0], 200)
	tr.WantHits(t, tr.Specs[1], 200)
}
