package maps_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/maps"
)

func race(t *testing.T, session, path, what string, threads, rounds int) {
	t.Helper()
	cmd := exec.Command(build(t, "testdata/race.c", "-pthread"), session, path, what, fmt.Sprint(threads), fmt.Sprint(rounds))
	out, err := bounded(t, cmd).CombinedOutput()
	var wrong uint64
	if _, scan := fmt.Sscan(string(out), &wrong); err != nil || scan != nil || wrong != 0 {
		t.Errorf("%s: in %d rounds it was not so (%v, %s)", what, wrong, err, out)
	}
}

// TestExact: of several threads that insert or delete the same key at once, one does;
// and all of those that update it.
func TestExact(t *testing.T) {
	rounds := 3000
	if os.Getenv(torture) != "" {
		rounds = 300_000
	}
	spec := maps.Spec{Type: maps.Hash, KeySize: 8, ValueSize: 32, MaxEntries: 8, Flags: maps.ZeroSeed}
	path := makeMap(t, spec)
	for _, what := range []string{"insert", "delete", "update"} {
		race(t, makeSession(t), path, what, 4, rounds)
		auditFile(t, path).atRest(t)
	}
}

// TestExactlyFull: several threads write the keys that a map has room for, all at once.
// None is told that it is full, though one of them is preempted with a node in hand.
func TestExactlyFull(t *testing.T) {
	rounds := 2000
	if os.Getenv(torture) != "" {
		rounds = 200_000
	}
	for _, spec := range []maps.Spec{
		{Type: maps.Hash, KeySize: 8, ValueSize: 32, MaxEntries: 8}, {Type: maps.PercpuHash, KeySize: 8, ValueSize: 32, MaxEntries: 8},
	} {
		path := makeMap(t, spec)
		session := makeSession(t)
		for thread := range 6 {
			hold(t, session, 3*thread+1)
		}
		race(t, session, path, "fill", 6, rounds)
		auditFile(t, path).atRest(t)
	}
}

// TestNothingLost: 8 threads on fewer CPUs add with plain additions, each to its own
// value, and readers lose none of them.
func TestNothingLost(t *testing.T) {
	rounds := 1_000_000
	if os.Getenv(torture) != "" {
		rounds = 10_000_000
	}
	for _, spec := range percpuSpecs {
		if spec.KeySize == 5 || spec.KeySize == 12 {
			continue
		}
		path := makeMap(t, spec)
		m := openWriter(t, path)
		key := make([]byte, spec.KeySize)
		if spec.Type != maps.PercpuArray {
			if err := m.Update(key, make([]byte, spec.ValueSize), maps.NoExist); err != nil {
				t.Fatal(err)
			}
		}
		race(t, makeSession(t), path, "add", 8, rounds)
		if sum, _ := total(t, m, key); sum != 8*uint64(rounds) {
			t.Errorf("%v: %d, want %d", spec, sum, 8*rounds)
		}
	}
}

// TestWholeValues: Go copies values while they are replaced, and their nodes are used
// again for others; each copy is of one value.
func TestWholeValues(t *testing.T) {
	reads := 3000
	if os.Getenv(torture) != "" {
		reads = 300_000
	}
	path := makeMap(t, maps.Spec{Type: maps.Hash, KeySize: 8, ValueSize: 4096, MaxEntries: 4})
	m := openWriter(t, path)
	writer := exec.Command(build(t, "testdata/race.c", "-pthread"), makeSession(t), path, "write", "2", "3")
	var said bytes.Buffer
	writer.Stderr = &said
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		writer.Wait()
		if said.Len() > 0 {
			t.Error(said.String())
		}
	}()
	defer writer.Process.Kill()
	whole := func(b []byte) {
		if n := bytes.Count(b, b[:1]); n != len(b) {
			t.Errorf("%d bytes of %d are %#x", n, len(b), b[0])
		}
	}
	for { // until it has begun
		if _, err := m.Lookup(make([]byte, 8)); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for n := 0; n < reads && !t.Failed(); n++ {
		values, err := m.Lookup(make([]byte, 8))
		if err != nil {
			t.Fatal(err) // it is never deleted
		}
		whole(values[0])
		for _, values := range m.All() {
			whole(values[0])
		}
	}
}
