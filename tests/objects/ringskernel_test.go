package objects

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/perf"
	cilium "github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
	"github.com/bpftime-go/bpftime/tests/internal/userring"
)

// witnessed is an object's program on a function of a file, in the kernel and here.
type witnessed struct {
	*witness
	t     *testing.T
	c     host.Cmd
	tr    *host.Trace
	links []link.Link
}

// newWitnessed is nil where the kernel is no witness.
func newWitnessed(t *testing.T, object, program, file, function string, args ...string) *witnessed {
	t.Helper()
	v := anyVariant(t)
	where := places{program: program, functions: []string{function}}
	c := host.Cmd{Args: append([]string{file}, args...), Dir: host.WorkDir(t)}
	w, links := probe(t, v.image(t, object), file, where)
	tr := lasting(t, c, trace(t, v, "objects: [{path: OBJ/"+object+".bpf.o, attach: {"+where.cookies(file)+"}}]"))
	if w == nil {
		return nil
	}
	return &witnessed{w, t, c, tr, links}
}

// run runs the command twice: with the kernel's probes, and with the agent's.
func (w *witnessed) run() {
	w.t.Helper()
	host.Run(w.t, w.c, nil)
	for _, l := range w.links {
		l.Close()
	}
	host.Run(w.t, w.c, w.tr)
	wantQuiet(w.t, w.tr)
}

// records are those in a ring of the kernel's.
func (w *witnessed) records(name string) (out [][]byte) {
	w.t.Helper()
	r, err := cilium.NewReader(w.maps.Maps[name])
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	r.SetDeadline(time.Unix(1, 0))
	for {
		record, err := r.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return out
		}
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, record.RawSample)
	}
}

// sameVariables: programs have left the same in their variables of 8 bytes, with exceptions.
func (w *witnessed) sameVariables(object string, except ...string) {
	w.t.Helper()
	ours := globals(w.t, w.tr, object, "bss")
	for _, name := range except {
		if err := w.maps.Variables[name].Set(ours[name]); err != nil {
			w.t.Fatal(err)
		}
	}
	want, err := w.maps.Maps[".bss"].LookupBytes(make([]byte, 4))
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := opened(w.t, w.tr, object+".bss").Lookup(make([]byte, 4))
	if err != nil {
		w.t.Fatal(err)
	}
	if !bytes.Equal(got[0], want) {
		w.t.Errorf("variables %v\n%x; the kernel's\n%x", ours, got, want)
	}
}

// TestKernelPerf: records of a perf_event_array, and its errors, are the kernel's. There each CPU has its ring.
func TestKernelPerf(t *testing.T) {
	const calls = 100
	w := newWitnessed(t, "perf", "on_greet", target(t), "greet", "greet", fmt.Sprint(calls))
	if w == nil {
		return
	}
	readers := map[string]*perf.Reader{}
	for _, name := range []string{"samples", "flood"} {
		r, err := perf.NewReader(w.maps.Maps[name], 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		readers[name] = r
	}
	w.run()
	w.sameVariables("perf", "other") // the index of a CPU that is not there: cilium/ebpf makes the array shorter
	for name, size := range map[string]int{"samples": 28, "flood": 0} {
		var got, want []string
		for _, r := range recordsOf(t, w.tr, "perf."+name) {
			got = append(got, perfRecord(r.Data, size))
		}
		r := readers[name]
		r.SetDeadline(time.Unix(1, 0))
		for record, err := r.Read(); err == nil; record, err = r.Read() {
			want = append(want, perfRecord(record.RawSample, size))
		}
		slices.Sort(got)
		slices.Sort(want)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: %q\nthe kernel's %q", name, got, want)
		}
	}
}

// perfRecord is what is the same wherever the program runs: all but the CPU. The kernel fills records up to a multiple of
// eight bytes, less four; one of a fixed size is cut.
func perfRecord(data []byte, size int) string {
	if size == 0 {
		return fmt.Sprint(len(data) > 4)
	}
	return fmt.Sprintf("%x", data[4:size])
}

// TestKernelStacks: stacks of functions with frame pointers are those that the kernel finds, as far as they go on in the
// program, which the rest of the way has other addresses each time.
func TestKernelStacks(t *testing.T) {
	file := native(t, "framed", "framed.c", "-O1", "-no-pie", "-fno-pie", "-fcf-protection=none")
	w := newWitnessed(t, "framed", "on_deep", file, "deep")
	if w == nil {
		return
	}
	w.run()
	ours, theirs := records(t, w.tr, "framed.records"), w.records("records")
	if len(ours) != 144 || len(theirs) != 144 {
		t.Fatalf("%d stacks, the kernel's %d", len(ours), len(theirs))
	}
	wantNumbers(t, "here", ours)
	wantNumbers(t, "in the kernel", theirs)
	for i := range ours {
		if got, want := stackLine(ours[i]), stackLine(theirs[i]); got != want {
			t.Errorf("call %d: %s\nthe kernel's %s", i, got, want)
		}
	}
}

// wantNumbers: equal stacks have one number, of whatever kind, and different ones two; but for those few whose place is
// taken, which have none, or with BPF_F_REUSE_STACKID that of another.
func wantNumbers(t *testing.T, where string, records [][]byte) {
	t.Helper()
	numbers, taken := map[string]int64{}, 0
	for i, r := range records {
		id, other, reused := int64(number(r[:8])), int64(number(r[8:16])), int64(number(r[16:24]))
		for _, n := range []int64{id, other} {
			if n == -int64(unix.EEXIST) {
				taken++
			} else if n < 0 {
				t.Errorf("%s: call %d: %d", where, i, n)
			}
		}
		if reused < 0 {
			t.Errorf("%s: call %d: no number for one that may have another's: %d", where, i, reused)
		}
		ips := string(r[40:168])
		if had, ok := numbers[ips]; id >= 0 && ok && had != id {
			t.Errorf("%s: call %d has number %d, and had %d", where, i, id, had)
		}
		if id >= 0 {
			numbers[ips] = id
		}
	}
	if taken > len(records)/2 || len(numbers) < 20 {
		t.Errorf("%s: %d numbers, %d places taken", where, len(numbers), taken)
	}
}

// stackLine is a stack, and it without its first two frames.
func stackLine(r []byte) string { return ownFrames(r[40:168]) + "; " + ownFrames(r[168:]) }

// ownFrames are those up to main: addresses of the program itself.
func ownFrames(words []byte) (out string) {
	for ; len(words) >= 8 && number(words[:8]) < 1<<30 && number(words[:8]) != 0; words = words[8:] {
		out += fmt.Sprintf("%x ", number(words[:8]))
	}
	return out
}

// TestKernelUserRing: what is written to a user_ringbuf is drained as the kernel drains it, with its errors.
func TestKernelUserRing(t *testing.T) {
	w := newWitnessed(t, "drained", "on_greet", target(t), "greet", "greet", "7")
	if w == nil {
		return
	}
	path := filepath.Join(w.tr.Path(), "maps", "drained.commands")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := maps.Make(path, maps.Spec{Type: maps.UserRingbuf, MaxEntries: 4096}); err != nil {
		t.Fatal(err)
	}
	kernel, err := userring.Open(w.maps.Maps["commands"].FD(), 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	for n := range 23 {
		data := fmt.Appendf(nil, "%d is the text of %d", n, n*7)[:1+n]
		write(t, path, data)
		if err := kernel.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	w.run()
	w.sameVariables("drained")
	got, want := records(t, w.tr, "drained.answers"), w.records("answers")
	if len(want) != 23 || !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%x\nthe kernel's\n%x", got, want)
	}
}
