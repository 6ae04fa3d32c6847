package maps

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

var interned = Spec{Type: Array, KeySize: 4, ValueSize: 20, MaxEntries: 8}

// value has the number n in all of its words.
func internValue(n uint32) []byte {
	return bytes.Repeat(binary.LittleEndian.AppendUint32(nil, n), 5)
}

func newInterned(t *testing.T, s Spec) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "specs")
	if err := Make(path, s); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestIntern: equal values have one index, new ones a free one, and a full array says so.
func TestIntern(t *testing.T) {
	path := newInterned(t, interned)
	got, err := Intern(path, [][]byte{internValue(7), internValue(9), internValue(7)})
	if err != nil || got[0] == got[1] || got[0] != got[2] {
		t.Fatalf("%v, %v", got, err)
	}
	for n := range uint32(6) {
		if _, err := Intern(path, [][]byte{internValue(100 + n)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Intern(path, [][]byte{internValue(200)}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a ninth value: %v", err)
	}
	again, err := Intern(path, [][]byte{internValue(9), internValue(105)})
	if err != nil || again[0] != got[1] {
		t.Errorf("values that are there: %v, %v; want %d first", again, err, got[1])
	}
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	have, err := m.Lookup(binary.LittleEndian.AppendUint32(nil, again[1]))
	if err != nil || !bytes.Equal(have[0], internValue(105)) {
		t.Errorf("element %d is %x, %v", again[1], have, err)
	}
}

// TestInternRefuses: a value of zeros would be free, and only arrays have such elements.
func TestInternRefuses(t *testing.T) {
	path := newInterned(t, interned)
	hash := newInterned(t, Spec{Type: Hash, KeySize: 4, ValueSize: 20, MaxEntries: 8})
	for name, c := range map[string]struct {
		path  string
		value []byte
	}{"zeros": {path, internValue(0)}, "short": {path, internValue(1)[:19]}, "long": {path, append(internValue(1), 0)}, "hash": {hash, internValue(1)}} {
		if _, err := Intern(c.path, [][]byte{c.value}); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Intern(path+"x", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

const internVariable = "BPFTIME_TEST_INTERN"

// TestInternTogether: processes that ask at once for the same and for their own values agree about all.
func TestInternTogether(t *testing.T) {
	if path := os.Getenv(internVariable); path != "" {
		internAll(t, path)
		return
	}
	path := newInterned(t, Spec{Type: Array, KeySize: 4, ValueSize: 20, MaxEntries: 64})
	var started []*exec.Cmd
	for range 8 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestInternTogether$")
		cmd.Env = append(os.Environ(), internVariable+"="+path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		started = append(started, cmd)
	}
	for _, cmd := range started {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	seen := map[string]int{}
	for _, v := range m.All() {
		seen[string(v[0])]++
	}
	delete(seen, string(internValue(0)))
	if len(seen) != 40 {
		t.Errorf("%d values, want 40", len(seen))
	}
	for v, n := range seen {
		if n != 1 {
			t.Errorf("%x is there %d times", v, n)
		}
	}
}

// internAll asks for 40 values, from another one on in each process.
func internAll(t *testing.T, path string) {
	first := uint32(os.Getpid())
	for i := range uint32(40) {
		v := internValue(1 + (first+i)%40)
		at, err := Intern(path, [][]byte{v})
		if err != nil {
			t.Fatal(err)
		}
		m, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if have, err := m.Lookup(binary.LittleEndian.AppendUint32(nil, at[0])); err != nil || !bytes.Equal(have[0], v) {
			t.Fatal(strconv.Itoa(int(at[0])), have, err)
		}
		m.Close()
	}
}
