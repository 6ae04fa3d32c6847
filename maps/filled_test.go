package maps_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps"
)

// data is a section of 12 bytes as a map.
var data = maps.Spec{Type: maps.Array, KeySize: 4, ValueSize: 12, MaxEntries: 1}

// TestMakeFilled: an array begins with its contents; made again, it keeps what is in
// it, but constants have to be the same.
func TestMakeFilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.data")
	if err := maps.MakeFilled(path, data, []byte("hello, world")); err != nil {
		t.Fatal(err)
	}
	m, err := maps.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	check := func(want string) {
		t.Helper()
		if v, err := m.Lookup(make([]byte, 4)); err != nil || len(v) != 1 || string(v[0]) != want {
			t.Errorf("%q, %v, want %q", v, err, want)
		}
	}
	check("hello, world")
	if err := m.Update(make([]byte, 4), []byte("HELLO, WORLD"), maps.Any); err != nil {
		t.Error(err)
	}
	if err := maps.MakeFilled(path, data, []byte("hello, world")); err != nil {
		t.Error(err)
	}
	check("HELLO, WORLD")
}

func TestConstants(t *testing.T) {
	path, spec := filepath.Join(t.TempDir(), "o.rodata"), data
	spec.Flags = maps.ReadOnlyProgram
	for _, contents := range []string{"hello, world", "hello, world"} {
		if err := maps.MakeFilled(path, spec, []byte(contents)); err != nil {
			t.Fatal(err)
		}
	}
	if m := open(t, path); !m.Frozen() {
		t.Error("constants can be changed")
	}
	err := maps.MakeFilled(path, spec, []byte("hello, World"))
	want := "maps: another map has this name: " + path + ": byte 7 of the constants is 0x77, wanted 0x57: use another session, or remove it"
	if !errors.Is(err, maps.ErrDefinition) || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

func TestNoContents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	for want, c := range map[string]struct {
		spec maps.Spec
		n    int
	}{
		"65 bytes are no contents for an array of 1 entries, keys of 4 bytes, values of 12, flags 0x0": {data, 65},
		"1 bytes are no contents for a hash of 1 entries, keys of 4 bytes, values of 8, flags 0x0":     {maps.Spec{Type: maps.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1}, 1},
	} {
		if err := maps.MakeFilled(path, c.spec, make([]byte, c.n)); err == nil || err.Error() != "maps: "+path+": "+want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
}

// TestRefusedOperations: what a map cannot do, or may not, each with its errno.
func TestRefusedOperations(t *testing.T) {
	open := func(spec maps.Spec, how func(string) (*maps.Map, error)) *maps.Map {
		path := make1(t, spec)
		m, err := how(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	hash := maps.Spec{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 1}
	constants, foreign, blind := data, data, data
	constants.Flags, foreign.Flags, blind.Flags = maps.ReadOnlyProgram, maps.ReadOnly, maps.WriteOnly
	frozen := open(constants, maps.OpenWriter)
	if err := frozen.Update(make([]byte, 4), make([]byte, 12), 0); err != nil { // user space may, until
		t.Fatal(err)
	}
	if err := frozen.Freeze(); err != nil || !frozen.Frozen() {
		t.Fatal(err)
	}
	four, eight := make([]byte, 4), make([]byte, 8)
	reader, writer := open(hash, maps.Open), open(hash, maps.OpenWriter)
	array, ring := open(data, maps.OpenWriter), open(maps.Spec{Type: maps.Ringbuf, MaxEntries: 4096}, maps.OpenWriter)
	lookup := func(m *maps.Map, key []byte) error { _, err := m.Lookup(key); return err }
	for name, c := range map[string]struct {
		err  error
		want unix.Errno
		text string
	}{
		"reader":        {reader.Update(eight, eight, 0), unix.EBADF, "maps: a.counts: update: it is open for reading only: bad file descriptor"},
		"constants":     {frozen.Update(four, make([]byte, 12), 0), unix.EPERM, "maps: a.counts: update: it is frozen: operation not permitted"},
		"frozen twice":  {frozen.Freeze(), unix.EBUSY, "maps: a.counts: freeze: it is frozen: device or resource busy"},
		"read only":     {open(foreign, maps.OpenWriter).Update(four, make([]byte, 12), 0), unix.EPERM, "maps: a.counts: update: it is read only: operation not permitted"},
		"write only":    {lookup(open(blind, maps.OpenWriter), four), unix.EPERM, "maps: a.counts: lookup: it is write only: operation not permitted"},
		"short key":     {writer.Update(four, eight, 0), unix.EINVAL, "maps: a.counts: update: size of key or value: invalid argument"},
		"short value":   {writer.Update(eight, four, 0), unix.EINVAL, ""},
		"flags":         {writer.Update(eight, eight, 3), unix.EINVAL, "maps: a.counts: update: flags, or there is no lock: invalid argument"},
		"find short":    {lookup(writer, four), unix.EINVAL, ""},
		"find none":     {lookup(writer, eight), unix.ENOENT, "maps: a.counts: lookup: no such file or directory"},
		"delete none":   {writer.Delete(eight), unix.ENOENT, ""},
		"delete array":  {array.Delete(four), unix.EINVAL, ""},
		"beyond":        {lookup(array, []byte{1, 0, 0, 0}), unix.ENOENT, ""},
		"put beyond":    {array.Update([]byte{1, 0, 0, 0}, make([]byte, 12), 0), unix.E2BIG, ""},
		"ring":          {lookup(ring, nil), unix.ENOTSUP, "maps: a.counts: a ringbuf has no keys: operation not supported"},
		"put into ring": {ring.Update(nil, nil, 0), unix.ENOTSUP, ""},
	} {
		if !errors.Is(c.err, c.want) || c.text != "" && c.err.Error() != c.text {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	for range ring.All() {
		t.Error("a ring has entries")
	}
}

// TestNewHashes: no two maps spread their keys alike, unless asked to.
func TestNewHashes(t *testing.T) {
	seed := func(flags uint32) []byte {
		path := make1(t, maps.Spec{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 1, Flags: flags})
		m, err := maps.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		return bytes.Clone(m.Memory()[96:104])
	}
	if a, b := seed(0), seed(0); bytes.Equal(a, b) {
		t.Errorf("%x twice", a)
	}
	if a := seed(maps.ZeroSeed); !bytes.Equal(a, make([]byte, 8)) {
		t.Errorf("%x", a)
	}
}

// TestClosed: a map may be closed twice.
func TestClosed(t *testing.T) {
	m, err := maps.OpenWriter(make1(t, data))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
