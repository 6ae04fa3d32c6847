package objects

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/maps/ringbuf"
)

// TestRecorder: when the process is dead, the last records that it made are there, and how many came before is known.
func TestRecorder(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const calls = 1001
		tr := onTarget(t, v, "objects: [{path: OBJ/recorder.bpf.o}]", "greet", fmt.Sprint(calls))
		r, err := ringbuf.OpenRecorder(filepath.Join(tr.Path(), "maps", "recorder.last"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got := r.Next()
		if len(got) < 50 || uint64(len(got))+r.Gone() != (calls+1)/2 || r.Dropped() != 0 {
			t.Fatalf("%d records, %d gone, %d dropped", len(got), r.Gone(), r.Dropped())
		}
		for i, rec := range got {
			n := calls - 2*(len(got)-1-i)
			if want := fmt.Sprintf("%d name-%d", n, n); fmt.Sprintf("%d %s", number(rec.Data[:4]), text(rec.Data[4:])) != want {
				t.Errorf("%x, want %s", rec.Data, want)
			}
		}
	})
}
