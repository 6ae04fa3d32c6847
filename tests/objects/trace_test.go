package objects

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

var objectNames = regexp.MustCompile(`OBJ/(\w+)\.bpf\.o`)

// trace is the manifest with its objects compiled. OBJ and TARGET stand for what the package comment says.
func trace(t testing.TB, v variant, manifest string) *host.Trace {
	t.Helper()
	for _, name := range objectNames.FindAllStringSubmatch(manifest, -1) {
		v.compile(t, name[1])
	}
	return &host.Trace{Text: strings.NewReplacer("OBJ", v.dir(t), "TARGET", target(t)).Replace(manifest)}
}

// onTarget runs the target without and with the manifest. It behaves the same.
func onTarget(t *testing.T, v variant, manifest string, args ...string) *host.Trace {
	t.Helper()
	tr := trace(t, v, manifest)
	c := host.Cmd{Args: append([]string{target(t)}, args...), Dir: host.WorkDir(t)}
	if plain, _ := host.Compare(t, c, tr); plain.Exit != 23 {
		t.Fatalf("%v: exit %d, stderr %q", args, plain.Exit, plain.Stderr)
	}
	wantQuiet(t, tr)
	return tr
}

// lasting gives the trace a run directory that outlives the runs of a command.
func lasting(t *testing.T, c host.Cmd, tr *host.Trace) *host.Trace {
	t.Helper()
	tr.RunDir = filepath.Join(filepath.Dir(c.Dir), "sessions")
	if err := os.Mkdir(tr.RunDir, 0o700); err != nil {
		t.Fatal(err)
	}
	return tr
}

// read opens the session for one look.
func read[T any](t *testing.T, tr *host.Trace, look func(*session.Session) T) T {
	t.Helper()
	s, err := session.Open(tr.Path())
	if err != nil {
		t.Fatalf("the agent made no session: %v", err)
	}
	defer s.Close()
	return look(s)
}

func links(t *testing.T, tr *host.Trace) []session.Link {
	t.Helper()
	return read(t, tr, (*session.Session).Links)
}

// wantHits: the links of a program were hit so often, all together.
func wantHits(t *testing.T, tr *host.Trace, program string, want uint64) {
	t.Helper()
	hits := uint64(0)
	for _, l := range links(t, tr) {
		if l.Object == program {
			hits += l.Hits
		}
	}
	if hits != want {
		t.Errorf("%s: %d hits, want %d", program, hits, want)
	}
}

// wantQuiet: nothing was refused, nothing went wrong. That a section says not where to attach is no trouble.
func wantQuiet(t *testing.T, tr *host.Trace) {
	t.Helper()
	for _, l := range links(t, tr) {
		if l.Error != "" || l.Misses != 0 {
			t.Errorf("%s %s: %d misses, error %q", l.Object, l.Name, l.Misses, l.Error)
		}
	}
	for _, line := range tr.Log(t) {
		if !strings.Contains(line, " info: ") && !strings.Contains(line, "says not where to attach") {
			t.Errorf("log: %s", line)
		}
	}
}

// opened is a map of the session.
func opened(t *testing.T, tr *host.Trace, name string) *maps.Map {
	t.Helper()
	m, err := maps.Open(filepath.Join(tr.Path(), "maps", name))
	if err != nil {
		t.Fatalf("%v; log %q", err, tr.Log(t))
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// table is a map as numbers. Values of per-CPU kinds are sums.
func table(t *testing.T, tr *host.Trace, name string) map[uint64]uint64 {
	t.Helper()
	out := map[uint64]uint64{}
	for key, words := range wide(t, tr, name) {
		out[key] = words[0]
	}
	return out
}

// wide is a map whose values are several numbers.
func wide(t *testing.T, tr *host.Trace, name string) map[uint64][]uint64 {
	t.Helper()
	out := map[uint64][]uint64{}
	for key, values := range opened(t, tr, name).All() {
		out[number(key)] = sum(values)
	}
	return out
}

// sum adds values, 64-bit number by number.
func sum(values [][]byte) []uint64 {
	words := make([]uint64, (len(values[0])+7)/8)
	for _, v := range values {
		for i := range words {
			words[i] += number(v[8*i:])
		}
	}
	return words
}

// counted leaves out what is zero: arrays have all their entries.
func counted(all map[uint64]uint64) map[uint64]uint64 {
	for key, v := range all {
		if v == 0 {
			delete(all, key)
		}
	}
	return all
}

// number reads up to eight bytes.
func number(b []byte) uint64 {
	var word [8]byte
	copy(word[:], b)
	return binary.LittleEndian.Uint64(word[:])
}

// printed are the lines of bpf_printk, without what stands before them.
func printed(t *testing.T, tr *host.Trace) (out []string) {
	t.Helper()
	for _, line := range read(t, tr, (*session.Session).Trace) {
		out = append(out, line.Text)
	}
	return out
}
