package objects

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps/ringbuf"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestPerfEvents: records of a perf_event_array come whole, in order, each with the CPU that the program was on; what
// fails, fails with the kernel's errors.
func TestPerfEvents(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const calls = 100
		tr := onTarget(t, v, "objects: [{path: OBJ/perf.bpf.o}]", "greet", fmt.Sprint(calls))
		var want, got []string
		for i := 1; i <= calls; i++ {
			want = append(want, fmt.Sprintf("%d name-%d", i, i))
		}
		for _, r := range recordsOf(t, tr, "perf.samples") {
			got = append(got, fmt.Sprintf("%d %s", number(r.Data[4:8]), text(r.Data[8:])))
			if len(r.Data) != 28 || r.CPU != int(number(r.Data[:4])) || r.CPU >= runtime.NumCPU()+4096 {
				t.Errorf("%d bytes on CPU %d, the program says %d", len(r.Data), r.CPU, number(r.Data[:4]))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("records %q, want %q", got, want)
		}
		vars := globals(t, tr, "perf", "bss")
		for name, errno := range map[string]unix.Errno{"by_number": 0, "none": 0, "flags": unix.EINVAL, "beyond": unix.E2BIG, "other": unix.EOPNOTSUPP} {
			if got := -int64(vars[name]); got != int64(errno) {
				t.Errorf("%s: error %d, want %v", name, got, errno)
			}
		}
		var sizes []int
		for _, r := range recordsOf(t, tr, "perf.flood") {
			sizes = append(sizes, len(r.Data))
		}
		if !slices.Equal(sizes, []int{9, 0}) {
			t.Errorf("records of %d bytes, want 9 and 0", sizes)
		}
	})
}

// TestPerfFull: what has no room is refused with ENOSPC, and counted.
func TestPerfFull(t *testing.T) {
	const calls = 20_000
	tr := onTarget(t, anyVariant(t), "objects: [{path: OBJ/perf.bpf.o, rodata: {fill: 1}}]", "greet", fmt.Sprint(calls))
	vars := globals(t, tr, "perf", "bss")
	r, done := openRing(t, tr, "perf.flood")
	defer done()
	came := uint64(0)
	for _, ok, err := r.Next(); ok; _, ok, err = r.Next() {
		if err != nil {
			t.Fatal(err)
		}
		came++
	}
	if vars["full"] == 0 || vars["sent"]+vars["full"] != calls || came != vars["sent"]+2 || r.Dropped() != vars["full"] {
		t.Errorf("%d sent, %d refused; %d came, %d counted as dropped", vars["sent"], vars["full"], came, r.Dropped())
	}
}

func openRing(t *testing.T, tr *host.Trace, name string) (*ringbuf.Reader, func()) {
	t.Helper()
	leases, err := ringbuf.OpenSession(tr.Path())
	if err != nil {
		t.Fatal(err)
	}
	r, err := ringbuf.Open(filepath.Join(tr.Path(), "maps", name), leases)
	if err != nil {
		t.Fatal(err)
	}
	return r, func() { r.Close(); leases.Close() }
}

// recordsOf are what is left in a ring of the session.
func recordsOf(t *testing.T, tr *host.Trace, name string) (out []ringbuf.Record) {
	t.Helper()
	r, done := openRing(t, tr, name)
	defer done()
	for {
		record, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		out = append(out, record)
	}
}
