package objects

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// places are where the kernel puts a program of an object: functions of one file, each with its place in the list for a
// cookie, as cookies writes them for a manifest.
type places struct {
	program   string
	onReturn  bool
	functions []string
}

// witness is what an object in the kernel has counted.
type witness struct {
	t    *testing.T
	maps *ebpf.Collection
}

// inKernel has the command run with the object's programs on functions of one file, which nobody but the test may run. Then
// the probes are gone, and the maps are there. It is nil where there is no such witness: the test goes on without.
func inKernel(t *testing.T, image []byte, file string, c host.Cmd, where ...places) *witness {
	t.Helper()
	w, links := probe(t, image, file, where...)
	if w != nil {
		host.Run(t, c, nil)
	}
	for _, l := range links {
		l.Close()
	}
	return w
}

// probe loads an object into the kernel and attaches its programs. Where the kernel (6.6 is needed) or the user's rights do
// not allow it there is nil, and a word in the test's log.
func probe(t *testing.T, image []byte, file string, where ...places) (w *witness, links []link.Link) {
	t.Helper()
	if os.Geteuid() != 0 || rlimit.RemoveMemlock() != nil {
		t.Log("no second witness: not root")
		return nil, nil
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range spec.Programs {
		p.AttachType = ebpf.AttachTraceUprobeMulti
	}
	all, err := ebpf.NewCollection(spec)
	if err != nil {
		t.Logf("no second witness: %v", err)
		return nil, nil
	}
	t.Cleanup(all.Close)
	executable, err := link.OpenExecutable(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range where {
		l, err := p.attach(executable, all)
		if err != nil {
			t.Logf("no second witness: %v", err)
			return nil, links
		}
		links = append(links, l)
	}
	return &witness{t, all}, links
}

func (p places) attach(to *link.Executable, all *ebpf.Collection) (link.Link, error) {
	o := &link.UprobeMultiOptions{}
	for i := range p.functions {
		o.Cookies = append(o.Cookies, uint64(i))
	}
	if p.onReturn {
		return to.UretprobeMulti(p.functions, all.Programs[p.program], o)
	}
	return to.UprobeMulti(p.functions, all.Programs[p.program], o)
}

// cookies are specifications for the same places.
func (p places) cookies(file string) string {
	kind := "uprobe"
	if p.onReturn {
		kind = "uretprobe"
	}
	var out []string
	for i, f := range p.functions {
		out = append(out, fmt.Sprintf("{at: \"%s/%s:%s\", cookie: %d}", kind, file, f, i))
	}
	return p.program + ": [" + strings.Join(out, ", ") + "]"
}

// wide is a map of the kernel as wide reads one of a session.
func (w *witness) wide(name string) map[uint64][]uint64 {
	w.t.Helper()
	m := w.maps.Maps[name]
	out := map[uint64][]uint64{}
	var key, value []byte
	var values [][]byte
	into := any(&value)
	if m.Type() == ebpf.PerCPUArray || m.Type() == ebpf.PerCPUHash {
		into = &values
	}
	entries := m.Iterate()
	for entries.Next(&key, into) {
		if into == &value {
			values = [][]byte{value}
		}
		out[number(key)] = sum(values)
	}
	if err := entries.Err(); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// agrees: the session's map has in it what the kernel's has, if there is a witness.
func (w *witness) agrees(tr *host.Trace, object, name string) {
	if w == nil {
		return
	}
	w.t.Helper()
	got, want := wide(w.t, tr, object+"."+name), w.wide(name)
	if !maps.EqualFunc(got, want, slices.Equal) {
		w.t.Errorf("%s: %v, the kernel counted %v", name, got, want)
	}
}
